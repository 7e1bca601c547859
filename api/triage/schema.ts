import { z } from 'zod';
import { line } from '#destinations/events.ts';
import { alertPathSchema, problemSchema } from '../alerts/schema.ts';
import { triageSchema } from '../alerts/triage-schema.ts';

const change = {
  acknowledged: z
    .boolean('must be true or false')
    .optional()
    .meta({ description: 'true keeps the first time and name; false ends the acknowledgement.' }),
  // The length of a key's name.
  assignee: line(100).nullable().optional().meta({ description: 'The name of a key; null: nobody.' }),
};

const NOTHING = { error: 'must have acknowledged or assignee', params: { code: 'required' } };

/** The body of PATCH /alerts/:uuid/triage. */
export const triageChangeSchema = z
  .strictObject(change)
  .refine(({ acknowledged, assignee }) => acknowledged !== undefined || assignee !== undefined, NOTHING)
  .meta({ id: 'TriageChange' });

/** The body of POST /alerts/triage. */
export const bulkTriageSchema = z
  .strictObject({
    uuids: z
      .array(alertPathSchema.shape.uuid, 'must be an array')
      .min(1, 'must contain a uuid')
      .max(200, 'must contain at most 200 uuids'),
    ...change,
  })
  .refine(({ acknowledged, assignee }) => acknowledged !== undefined || assignee !== undefined, NOTHING)
  .meta({ id: 'BulkTriage' });

const triageResultSchema = z
  .strictObject({
    uuid: z.uuid(),
    status: z.int().meta({ description: 'The status of PATCH /alerts/{uuid}/triage for this alert: 200, 404 or 409.' }),
    triage: triageSchema.nullable().optional().meta({ description: 'With 200: the triage from now on.' }),
    problem: problemSchema.omit({ instance: true, request_id: true }).optional(),
  })
  .meta({ id: 'TriageResult' });
export type TriageResultJson = z.output<typeof triageResultSchema>;

export const bulkTriageResponseSchema = z
  .strictObject({ results: z.array(triageResultSchema).meta({ description: 'One per uuid, in the same order.' }) })
  .meta({ id: 'BulkTriageResponse' });

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it rejects
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** The body of POST /alerts/:uuid/comments. */
export const newCommentSchema = z
  .strictObject({
    text: z
      .string('must be a string')
      .transform((text) => text.replaceAll('\r\n', '\n').trim())
      .pipe(
        z
          .string()
          .min(1, { error: 'must not be empty', abort: true })
          .max(2_000, { error: 'must be at most 2000 characters', abort: true })
          .refine((text) => !CONTROL_CHARACTER.test(text) && text.isWellFormed(), {
            error: 'must not contain control characters except line breaks and tabs',
            params: { code: 'control_character' },
          }),
      )
      .meta({ description: 'Several lines are possible. Space at both ends is removed.' }),
  })
  .meta({ id: 'NewComment' });

export const commentSchema = z
  .strictObject({
    number: z.int().min(1).meta({ description: 'From 1, for each alert.' }),
    text: z.string(),
    author: z.string().meta({ description: 'The name of the API key.' }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Comment' });
export type CommentJson = z.output<typeof commentSchema>;

export const commentListSchema = z
  .strictObject({ data: z.array(commentSchema).meta({ description: 'All of them, newest last.' }) })
  .meta({ id: 'CommentList' });
