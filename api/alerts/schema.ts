import { z } from 'zod';
import { type Alert, RETRYABLE_CODES } from '#prisma/alerts.ts';
import { AlertStatus, FailureCode } from '#prisma/generated/enums.ts';

/** The video formats stores' cameras send; the worker tells them by content, the api only refuses other names. */
export const VIDEO_EXTENSION = /\.(mp4|avi|mov|mkv|webm)$/i;

const CONTROL_CHARACTER = /\p{Cc}/u;
const DAY_S = 86_400;

const uuid = z.uuid('must be a UUID as in RFC 9562').toLowerCase();

const video = z
  .string('must be a string')
  .min(1, { error: 'must not be empty', abort: true })
  .max(1024, { error: 'must be at most 1024 characters', abort: true })
  .superRefine((path, context) => {
    const fault = videoPathFault(path);
    if (fault) context.addIssue({ code: 'custom', params: { code: fault.code }, message: fault.detail });
  });

const timestamp = z
  .number('must be a number: Unix seconds')
  .min(0, 'must not be negative')
  .superRefine((seconds, context) => {
    const ahead = seconds - Date.now() / 1000;
    if (ahead <= DAY_S) return;
    const milliseconds = seconds / 1000 - Date.now() / 1000 <= DAY_S && seconds > 1e11;
    const message = milliseconds
      ? 'lies more than a day ahead; it looks like milliseconds, send seconds'
      : 'lies more than a day ahead; send Unix seconds';
    context.addIssue({ code: 'custom', params: { code: 'too_far_ahead' }, message });
  });

const store = z
  .string('must be a string')
  .min(1, { error: 'must not be empty', abort: true })
  .max(128, { error: 'must be at most 128 characters', abort: true })
  .refine((name) => !CONTROL_CHARACTER.test(name) && name.isWellFormed(), {
    error: 'must not contain control characters',
    params: { code: 'control_character' },
  });

/** The body of POST /alerts. */
export const newAlertSchema = z
  .strictObject({
    uuid: uuid.meta({ description: 'Of the caller: the same uuid again is the same alert.' }),
    video: video.meta({ description: 'Absolute path on the video server, ending in .mp4 .avi .mov .mkv or .webm.' }),
    timestamp: timestamp.meta({ description: 'When it happened: Unix seconds, at most a day ahead.' }),
    store: store.meta({ description: 'No control characters.' }),
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

export type NewAlertBody = z.output<typeof newAlertSchema>;

const status = z.enum(AlertStatus);
const failureCode = z.enum(FailureCode);
const instant = z.iso.datetime();

/** The alert as every answer shows it. */
export const alertSchema = z
  .strictObject({
    uuid: z.uuid(),
    status,
    video: z.string(),
    store: z.string(),
    timestamp: z.number(),
    resolution: z
      .string()
      .regex(/^\d+x\d+$/)
      .nullable()
      .meta({ description: 'Width x height as shown, rotation applied.' }),
    width: z.int().nullable(),
    height: z.int().nullable(),
    rotation: z.int().nullable().meta({ description: 'Degrees clockwise.' }),
    codec: z.string().nullable(),
    container: z.string().nullable(),
    duration: z.number().nullable().meta({ description: 'Seconds.' }),
    attempts: z.int(),
    bytes_fetched: z.int(),
    failure: z.strictObject({ code: failureCode, detail: z.string(), retryable: z.boolean() }).nullable(),
    received_at: instant,
    started_at: instant.nullable().meta({ description: 'When the newest attempt began.' }),
    processed_at: instant.nullable(),
    notified_at: instant.nullable(),
    links: z.strictObject({ self: z.string() }),
  })
  .meta({ id: 'Alert' });

/** The answer to a new alert: the alert, and whether its job is queued already or will be. */
export const acceptedAlertSchema = alertSchema
  .extend({ dispatch: z.enum(['queued', 'deferred']) })
  .meta({ id: 'AcceptedAlert' });

export const alertPathSchema = z.strictObject({ uuid });

const moment = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 date-time', abort: true })
  // PostgreSQL knows no year 0 and none before it.
  .refine((text) => new Date(text).getUTCFullYear() > 0, 'must not lie before the year 1')
  .transform((text) => new Date(text));

/** The query of GET /alerts. */
export const alertQuerySchema = z.strictObject({
  store: store.optional(),
  status: status.optional(),
  failure_code: failureCode.optional(),
  from: moment.optional(),
  to: moment.optional(),
  limit: z
    .string()
    .regex(/^([1-9]|[1-9]\d|1\d\d|200)$/, 'must be a whole number from 1 to 200')
    .default('50')
    .transform(Number),
  cursor: z.string().max(128).optional(),
});

/** The query of GET /alerts/events. */
export const eventQuerySchema = z.strictObject({
  store: store.optional(),
  status: status.optional(),
  last_event_id: z
    .string()
    .optional()
    .meta({ description: 'As the header Last-Event-ID, which goes before it: for a first connection.' }),
});

/** The body of POST /alerts/retry. */
export const bulkRetrySchema = z
  .strictObject({
    filter: z
      .strictObject({
        store: store.optional(),
        failure_code: failureCode.optional(),
        from: moment.optional(),
        to: moment.optional(),
      })
      .meta({ description: 'Which failed alerts; {} means all. `from` and `to` bound the time of receipt.' }),
    max: z.int().min(1).max(5_000).default(1_000),
    rate_per_s: z.int().min(1).max(1_000).default(50).meta({ description: 'Their jobs are spread over time.' }),
    dry_run: z.boolean().default(true).meta({ description: 'Only tells what would be retried; false does it.' }),
  })
  .meta({ id: 'Redrive', example: { filter: { store: 'test-store', failure_code: 'video_timeout' }, dry_run: true } });

export const bulkRetryResponseSchema = z
  .strictObject({
    dry_run: z.boolean(),
    matched: z.int().meta({ description: 'Failed alerts that match.' }),
    selected: z.int().meta({ description: 'Those of them within `max`, the longest received first.' }),
    retried: z.int(),
    dispatch: z.enum(['queued', 'deferred']),
    sample: z.array(z.uuid()).meta({ description: 'The first ten selected.' }),
  })
  .meta({ id: 'RedriveAnswer' });

export const alertPageSchema = z
  .strictObject({ data: z.array(alertSchema), next_cursor: z.string().nullable() })
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
      .meta({ description: 'For validation: one entry per fault.' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

/** The row as answers show it. */
export function presentAlert(alert: Alert): z.infer<typeof alertSchema> {
  return {
    uuid: alert.uuid,
    status: alert.status,
    video: alert.video,
    store: alert.store,
    timestamp: alert.timestamp,
    resolution: alert.resolution,
    width: alert.width,
    height: alert.height,
    rotation: alert.rotation,
    codec: alert.codec,
    container: alert.container,
    duration: alert.duration,
    attempts: alert.attempts,
    bytes_fetched: Number(alert.bytesFetched),
    failure: alert.failureCode && {
      code: alert.failureCode,
      detail: alert.failureDetail ?? '',
      retryable: RETRYABLE_CODES.has(alert.failureCode),
    },
    received_at: alert.receivedAt.toISOString(),
    started_at: alert.startedAt?.toISOString() ?? null,
    processed_at: alert.processedAt?.toISOString() ?? null,
    notified_at: alert.notifiedAt?.toISOString() ?? null,
    links: { self: `/alerts/${alert.uuid}` },
  };
}

/** Why a path may not be asked of the video server, or undefined where it may. */
function videoPathFault(path: string): { code: string; detail: string } | undefined {
  if (!path.isWellFormed() || CONTROL_CHARACTER.test(path)) {
    return { code: 'control_character', detail: 'must not contain control characters' };
  }
  if (!path.startsWith('/')) return { code: 'not_absolute', detail: 'must be an absolute path: no scheme, no host' };
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return { code: 'bad_encoding', detail: 'has a percent sign that begins no encoded character' };
  }
  for (const form of [path, decoded]) {
    if (/[\\?#]|\/\/|\p{Cc}/u.test(form)) {
      return {
        code: 'forbidden_character',
        detail: 'must not contain //, \\, ?, # or control characters, encoded or not',
      };
    }
    if (form.split('/').some((segment) => segment === '.' || segment === '..')) {
      return { code: 'dot_segment', detail: 'must not contain . or .. segments, encoded or not' };
    }
  }
  if (/%2f/i.test(path)) return { code: 'forbidden_character', detail: 'must not contain an encoded slash' };
  if (!VIDEO_EXTENSION.test(path)) {
    return { code: 'extension', detail: 'must end in .mp4, .avi, .mov, .mkv or .webm' };
  }
  // A second lock: whatever the rules above overlook, the URL parser that the worker uses has the last word.
  const server = 'http://video.invalid';
  if (new URL(path, server).origin !== server) {
    return { code: 'not_absolute', detail: 'must stay on the video server' };
  }
  return undefined;
}
