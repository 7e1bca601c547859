import { z } from 'zod';
import { line } from '#destinations/events.ts';
import { store } from '../alerts/schema.ts';
import { dateTime, duration } from '../http/query-fields.ts';
import { failureCode, instant, uuid } from './schema.ts';

const MAX_MS = 366 * 86_400_000;

type Issue = { path: string; code: string; message: string };

/** Returns what is wrong with the combination of the fields. */
function muteIssues(mute: z.output<typeof muteFields>): Issue[] {
  const { store: ofStore, failure_code, ends_at, duration: ms } = mute;
  const issues: Issue[] = [];
  if (ofStore === undefined && failure_code === undefined) {
    issues.push({ path: 'store', code: 'required', message: 'set store, failure_code or both' });
  }
  if ((ends_at === undefined) === (ms === undefined)) {
    issues.push({ path: 'ends_at', code: 'required', message: 'set either ends_at or duration' });
  }
  const left = ms ?? (ends_at ? ends_at.getTime() - Date.now() : undefined);
  const path = ms === undefined ? 'ends_at' : 'duration';
  if (left !== undefined && left <= 0) issues.push({ path, code: 'too_small', message: 'must be in the future' });
  if (left !== undefined && left > MAX_MS) issues.push({ path, code: 'too_big', message: 'must be at most 366 days' });
  return issues;
}

const muteFields = z.strictObject({
  store: store.optional(),
  failure_code: failureCode.optional(),
  destination: uuid.optional().meta({ description: 'Default: all destinations.' }),
  ends_at: dateTime.optional(),
  duration: duration.optional().meta({ description: 'Instead of `ends_at`, such as `2h`.' }),
  reason: line(500),
});

/** The body of POST /mutes. */
export const newMuteSchema = muteFields
  .superRefine((mute, context) => {
    for (const { path, code, message } of muteIssues(mute)) {
      context.addIssue({ code: 'custom', path: [path], params: { code }, message });
    }
  })
  .meta({ id: 'NewMute', description: '`store`, `failure_code` or both, and `ends_at` or `duration`.' });

export const mutePathSchema = z.strictObject({ id: uuid });

export const muteSchema = z
  .strictObject({
    id: z.uuid(),
    store: z.string().nullable(),
    failure_code: failureCode.nullable(),
    destination: z.uuid().nullable().meta({ description: 'null: all destinations.' }),
    reason: z.string(),
    created_by: z.string().meta({ description: 'The name of the API key.' }),
    created_at: instant,
    ends_at: instant,
    muted: z.int().meta({ description: 'Deliveries that it muted; counted up to 10001.' }),
  })
  .meta({ id: 'Mute' });

export const muteListSchema = z
  .strictObject({ data: z.array(muteSchema) })
  .meta({ id: 'MuteList', description: 'Mutes that have not ended; those that end first, first.' });
