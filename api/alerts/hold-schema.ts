import { z } from 'zod';
import { line } from '#destinations/events.ts';

/** The body of PUT /alerts/:uuid/hold. */
export const newHoldSchema = z
  .strictObject({ reason: line(500).meta({ description: 'Why it must be kept, such as the number of a case.' }) })
  .meta({ id: 'NewHold' });

/** The hold of an alert in responses. */
export const holdSchema = z.strictObject({
  reason: z.string(),
  created_by: z.string().meta({ description: 'The name of the API key.' }),
  created_at: z.iso.datetime(),
});
