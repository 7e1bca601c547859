import { z } from 'zod';
import { failureAdviceList } from '#prisma/failure-codes.ts';
import { AlertStatus, FailureCode } from '#prisma/generated/enums.ts';
import { sourceName } from '#sources/schema.ts';
import { dateTime, pageLimit } from '../http/query-fields.ts';
import { holdSchema } from './hold-schema.ts';
import { lastErrorSchema } from './last-error.ts';
import { pictureSchema } from './picture-schema.ts';
import { triageFilter, triageSchema } from './triage-schema.ts';
import { CONTROL_CHARACTER, videoPathError } from './video-path.ts';

const DAY_S = 86_400;

const uuid = z.uuid('must be a UUID as in RFC 9562').toLowerCase();

const video = (extensions?: readonly string[]) =>
  z
    .string('must be a string')
    .min(1, { error: 'must not be empty', abort: true })
    .max(1024, { error: 'must be at most 1024 characters', abort: true })
    .superRefine((path, context) => {
      const error = videoPathError(path, extensions);
      if (error) context.addIssue({ code: 'custom', params: { code: error.code }, message: error.message });
    });

const timestamp = z
  .number('must be a number: Unix seconds')
  .min(0, 'must not be negative')
  .superRefine((seconds, context) => {
    const ahead = seconds - Date.now() / 1000;
    if (ahead <= DAY_S) return;
    const looksLikeMilliseconds = seconds / 1000 - Date.now() / 1000 <= DAY_S && seconds > 1e11;
    const message = looksLikeMilliseconds
      ? 'is more than a day in the future; it looks like milliseconds, send seconds'
      : 'is more than a day in the future; send Unix seconds';
    context.addIssue({ code: 'custom', params: { code: 'too_far_ahead' }, message });
  });

const name = z
  .string('must be a string')
  .min(1, { error: 'must not be empty', abort: true })
  .max(128, { error: 'must be at most 128 characters', abort: true })
  .refine((name) => !CONTROL_CHARACTER.test(name) && name.isWellFormed(), {
    error: 'must not contain control characters',
    params: { code: 'control_character' },
  });

/** The name of a store. */
export const store = name;

/** The body of POST /alerts. */
export const newAlertSchema = z
  .strictObject({
    uuid: uuid.meta({
      description: 'Chosen by the client. Sending the same uuid again does not create a second alert.',
    }),
    video: video().meta({
      description:
        'Absolute path on the video server, ending in .mp4, .avi, .mov, .mkv or .webm, or in another extension that VIDEO_EXTENSIONS allows.',
    }),
    timestamp: timestamp.meta({
      description: 'When the camera recorded it: Unix seconds, at most a day in the future.',
    }),
    store: store.meta({ description: 'No control characters.' }),
    camera: name.optional().meta({ description: 'The camera of the store. No control characters.' }),
    source: sourceName.optional().meta({
      description: 'The name of the video source that has the video. By default the server decides by store.',
    }),
  })
  .meta({
    id: 'NewAlert',
    example: {
      uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968',
      video: '/videos/test_1.avi',
      timestamp: 1748871320.6882,
      store: 'test-store',
    },
  });

/** Returns the schema of POST /alerts for these file name extensions. */
export function newAlertSchemaFor(extensions: readonly string[] | undefined): typeof newAlertSchema {
  return extensions === undefined ? newAlertSchema : newAlertSchema.extend({ video: video(extensions) });
}

export type NewAlertBody = z.output<typeof newAlertSchema>;

const status = z.enum(AlertStatus);
const failureCode = z.enum(FailureCode);
const instant = z.iso.datetime();

/** An alert in responses. */
export const alertSchema = z
  .strictObject({
    uuid: z.uuid(),
    status,
    video: z.string(),
    store: z.string(),
    camera: z.string().nullable(),
    source: z.string().nullable().meta({ description: 'The video source that the client named.' }),
    timestamp: z.number(),
    resolution: z
      .string()
      .regex(/^\d+x\d+$/)
      .nullable()
      .meta({ description: 'Width x height as shown, with the rotation applied.' }),
    width: z.int().nullable(),
    height: z.int().nullable(),
    rotation: z.int().nullable().meta({ description: 'Degrees clockwise.' }),
    codec: z.string().nullable(),
    container: z.string().nullable(),
    duration: z.number().nullable().meta({ description: 'Seconds.' }),
    attempts: z.int(),
    bytes_fetched: z.int(),
    failure: z
      .strictObject({
        code: failureCode.meta({ description: failureAdviceList() }),
        detail: z.string(),
        retryable: z.boolean().meta({
          description:
            'Whether failures with this code are retried automatically, for RETRY_HORIZON (24 hours). An operator can retry ' +
            'every failed alert.',
        }),
        action: z.string().meta({ description: 'What to do, in one sentence.' }),
      })
      .nullable(),
    last_error: lastErrorSchema.nullable(),
    next_attempt_at: instant.nullable().meta({
      description:
        'While it waits for a retry: when the next attempt starts. Null if that time has passed: the alert waits for a free ' +
        'worker, or for its video source.',
    }),
    late: z
      .strictObject({
        since: instant.meta({ description: 'When the current round of attempts started.' }),
        reason: z.string().meta({ description: 'The error of the last attempt, with its code.' }),
        next_attempt_at: instant.nullable(),
      })
      .nullable()
      .meta({
        description:
          'While it is unfinished after a failed attempt, or after LATE_AFTER if a destination receives alert.late; null ' +
          'otherwise.',
      }),
    picture: pictureSchema.nullable().meta({ description: 'The picture of a processed alert; null for others.' }),
    hold: holdSchema.nullable().meta({ description: 'The legal hold: the alert cannot be deleted. Null: none.' }),
    triage: triageSchema.nullable().meta({
      description: 'Who has acknowledged it and who works on it, and the number of comments. Null: nothing.',
    }),
    archived: z.boolean().meta({
      description: 'Restored from the archive: it is never processed, retried or delivered again. See docs/archive.md.',
    }),
    received_at: instant,
    round_started_at: instant.meta({
      description: 'When the current round of attempts started: at the receipt, or when an operator retried the alert.',
    }),
    started_at: instant.nullable().meta({ description: 'When the latest attempt started.' }),
    processed_at: instant.nullable(),
    notified_at: instant.nullable(),
    links: z.strictObject({ self: z.string() }),
  })
  .meta({ id: 'Alert' });

/** The response to a new alert: the alert, and whether its job is in the queue or will be enqueued later. */
export const acceptedAlertSchema = alertSchema
  .extend({ dispatch: z.enum(['queued', 'deferred']) })
  .meta({ id: 'AcceptedAlert' });

export const alertPathSchema = z.strictObject({ uuid });

/** Part of a store's name, a uuid or a file name. */
export const searchText = z
  .string()
  .trim()
  .min(1, { error: 'must not be empty', abort: true })
  .max(128, { error: 'must be at most 128 characters', abort: true })
  .refine((text) => !CONTROL_CHARACTER.test(text) && text.isWellFormed(), {
    error: 'must not contain control characters',
    params: { code: 'control_character' },
  });

/** The filter and the page of GET /alerts. */
export const alertQuerySchema = z.strictObject({
  q: searchText.optional().meta({
    description:
      'Part of the name of the store, of the uuid or of the name of the video file, in upper or lower case. With a slash: ' +
      'part of the path of the video.',
  }),
  store: store.optional(),
  camera: name.optional(),
  status: status.optional(),
  failure_code: failureCode.optional(),
  held: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: 'Only alerts under a legal hold; `false`: only others.' }),
  triage: triageFilter.optional(),
  from: dateTime.optional(),
  to: dateTime.optional(),
  limit: pageLimit(50),
  cursor: z.string().max(128).optional(),
});

/** The query of GET /alerts/events. */
export const eventQuerySchema = z.strictObject({
  store: store.optional(),
  status: status.optional(),
  last_event_id: z
    .string()
    .optional()
    .meta({ description: 'Same as the header Last-Event-ID, which takes precedence. For the first connection.' }),
});

export const alertPageSchema = z
  .strictObject({
    data: z.array(alertSchema),
    next_cursor: z.string().nullable(),
    searched_from: instant
      .nullable()
      .optional()
      .meta({
        description:
          'Only with `q`. File names and parts of uuids were searched in alerts received since this time only; null: in all. ' +
          'To search older ones, repeat the request with this time as `to`.',
      }),
  })
  .meta({ id: 'AlertPage' });

export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    request_id: z.string(),
    errors: z
      .array(z.strictObject({ pointer: z.string(), code: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'For `validation`: one entry per error, at most 100.' }),
    errors_omitted: z.int().optional().meta({ description: 'The number of errors that `errors` does not list.' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });
