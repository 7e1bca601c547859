import { z } from 'zod';
import type { TriageFilter } from '#prisma/triage-filter.ts';

/** The triage of an alert in responses. Names are those of API keys. */
export const triageSchema = z.strictObject({
  acknowledged_at: z.iso.datetime().nullable(),
  acknowledged_by: z.string().nullable().meta({ description: 'The name of the API key.' }),
  assignee: z.string().nullable().meta({ description: 'The name of who works on it.' }),
  comments: z.int().min(0).meta({ description: 'GET /alerts/{uuid}/comments returns them.' }),
});

/** The query parameter `triage`. */
export const triageFilter = z.enum(['open', 'mine', 'acknowledged']).meta({
  description:
    '`open`: failed and not acknowledged; `acknowledged`: in any state; `mine`: assigned to the name of the key that sends ' +
    'the request.',
});

/** Returns the filter for the value of the parameter. */
export function triageFilterOf(
  triage: z.output<typeof triageFilter> | undefined,
  { name }: { name: string },
): TriageFilter | undefined {
  return triage === 'mine' ? { assignee: name } : triage;
}
