import { z } from 'zod';
import type { TriageAction, TriageEvent } from '#prisma/triage.ts';
import type { TriageFilter } from '#prisma/triage-filter.ts';

/** The triage of an alert in responses. Names are those of API keys. */
export const triageSchema = z.strictObject({
  acknowledged_at: z.iso.datetime().nullable(),
  acknowledged_by: z.string().nullable().meta({ description: 'The name of the API key.' }),
  assignee: z.string().nullable().meta({ description: 'The name of who works on it.' }),
  comments: z.int().min(0).meta({ description: 'GET /alerts/{uuid}/comments returns them.' }),
});

/** What a person did with an alert, in its timeline. */
export const triageEventSchema = z.strictObject({
  action: z.enum(['acknowledged', 'reopened', 'assigned', 'commented']),
  at: z.iso.datetime(),
  by: z.string().meta({ description: 'The name of the API key.' }),
  assignee: z.string().nullable().meta({ description: 'Of `assigned`: the name of who works on it; null: nobody.' }),
});
type TriageEventJson = z.output<typeof triageEventSchema>;

const ACTIONS: Record<TriageAction, TriageEventJson['action']> = {
  'alert.acknowledged': 'acknowledged',
  'alert.reopened': 'reopened',
  'alert.assigned': 'assigned',
  'alert.commented': 'commented',
};

export function presentTriageEvent({ action, at, by, assignee }: TriageEvent): TriageEventJson {
  return { action: ACTIONS[action], at: at.toISOString(), by, assignee };
}

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
