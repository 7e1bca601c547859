import type { Alert } from '#prisma/alerts.ts';
import { NEW_ROW } from '#prisma/column-defaults.ts';
import type { PictureRow } from '#prisma/picture-row.ts';
import { presentAlert } from '#prisma/present-alert.ts';
import { newAlertSchema } from '../alerts/schema.ts';
import type { Statistics } from '../alerts/statistics.ts';
import { timelineOf } from '../alerts/timeline.ts';

// Examples are the responses to two alerts at different times, made by the code that makes real responses: a response
// that the API cannot send cannot become an example.
export const UUID = '35df2857-3a48-4985-aed0-e68b5ae4c968';
export const OTHER_UUID = '6f1d2c3b-4a59-4e68-9f70-8192a3b4c5d6';
export const REQUEST_ID = '0b6f2f0c-6d1c-4b53-9d8c-7a4f7f1f2a11';

export const LINK = {
  url: `https://alerts.example.com/media/picture/${UUID}?expires=1795332000&key=52fb9d6d1c1d3a0f&signature=${'x'.repeat(43)}`,
  expires_at: '2026-11-22T07:20:00.000Z',
};

export const COPY = {
  ...{ status: 'ready', archive: false, progress: 1, width: 1280, height: 720, bytes: 512_345 },
  ...{ reason: null, detail: null },
  ...{ requested_at: '2026-11-22T06:10:00.000Z', finished_at: '2026-11-22T06:10:04.000Z' },
};

/** Returns a time after the receipt of the first alert. */
const after = (ms: number) => new Date(Date.parse('2026-11-22T06:00:00.000Z') + ms);

export const NEW_ALERT = newAlertSchema.parse({
  uuid: UUID,
  video: '/videos/test_1.avi',
  timestamp: 1748871320.6882,
  store: 'test-store',
});
export const OTHER_NEW_ALERT = newAlertSchema.parse({ ...NEW_ALERT, uuid: OTHER_UUID, video: '/videos/test_2.mp4' });

const PENDING_ROW: Alert = {
  ...NEW_ROW,
  ...NEW_ALERT,
  camera: null,
  source: null,
  id: 7n,
  requestId: REQUEST_ID,
  traceparent: null,
  receivedAt: after(0),
  updatedAt: after(0),
};

const PROCESSED_ROW: Alert = {
  ...PENDING_ROW,
  status: 'processed',
  resolution: '1280x720',
  width: 1280,
  height: 720,
  rotation: 0,
  codec: 'h264',
  container: 'avi',
  duration: 3.04,
  attempts: 1,
  bytesFetched: 65_536n,
  queuedAt: after(10),
  startedAt: after(50),
  processedAt: after(90),
  notifiedAt: after(100),
};

/** Its picture was ready soon after. */
const PICTURE: PictureRow = {
  ...{ status: 'ready', reason: null, detail: null, width: 640, height: 360, picture_bytes: 98_304 },
  sha256: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
};

/** The other alert, received a second later, with MAX_ATTEMPTS=8: each timed out after 10 s, up to 64 s after the one before. */
const FAILED_ROW: Alert = {
  ...PENDING_ROW,
  ...OTHER_NEW_ALERT,
  camera: null,
  source: null,
  id: 8n,
  status: 'failed',
  attempts: 8,
  failureCode: 'video_timeout',
  failureDetail: 'not readable in 8 attempts: the video server sent no data for 10000 ms',
  lastError: 'video_timeout: the video server sent no data for 10000 ms',
  lastErrorAt: after(180_000),
  nextAttemptAt: after(190_000),
  receivedAt: after(1_000),
  queuedAt: after(1_010),
  startedAt: after(190_000),
  processedAt: after(200_000),
  notifiedAt: after(200_010),
};

/** The other alert between its second and third attempt. */
const WAITING_ROW: Alert = {
  ...PENDING_ROW,
  ...OTHER_NEW_ALERT,
  camera: null,
  source: null,
  id: 8n,
  attempts: 2,
  lastError: 'video_timeout: the video server sent no data for 10000 ms',
  lastErrorAt: after(22_000),
  nextAttemptAt: after(23_800),
  receivedAt: after(1_000),
  queuedAt: after(1_010),
  startedAt: after(12_000),
};

/** The failed alert after a retry. */
const RETRIED_ROW: Alert = {
  ...FAILED_ROW,
  status: 'pending',
  attemptsBefore: FAILED_ROW.attempts,
  lastError: null,
  lastErrorAt: null,
  roundStartedAt: after(3_600_000),
  failureCode: null,
  failureDetail: null,
  processedAt: null,
  notifiedAt: null,
  lateAt: null,
};

export const PENDING = presentAlert(PENDING_ROW);
export const ACCEPTED = { ...PENDING, dispatch: 'queued' } as const;
export const WAITING = presentAlert(WAITING_ROW, after(23_000));
export const PROCESSED = presentAlert({ ...PROCESSED_ROW, picture: PICTURE });
export const FAILED = presentAlert(FAILED_ROW);
export const RETRIED = { ...presentAlert(RETRIED_ROW), dispatch: 'queued' } as const;
export const TIMELINE = timelineOf(PROCESSED_ROW, after(1_000));

/** Lists both alerts, newest first; older ones follow. */
export const PAGE = {
  data: [FAILED, PROCESSED],
  next_cursor: Buffer.from(`${PROCESSED_ROW.receivedAt.getTime()}.${PROCESSED_ROW.id}`).toString('base64url'),
};

/** Counts both alerts, at the end of the hour after their receipt. */
export const STATISTICS: Statistics = {
  counted: 2,
  complete: true,
  counts: { pending: 0, processing: 0, processed: 1, failed: 1 },
  oldest_open_at: null,
  failures: [
    {
      code: 'video_timeout',
      count: 1,
      archived: 0,
      newest_at: FAILED.received_at,
      stores: [{ store: FAILED.store, count: 1 }],
      other_stores: 0,
    },
  ],
  waiting: [],
  minutes: Array.from({ length: 60 }, (_, n) =>
    n === 0
      ? { at: after(0).toISOString(), received: 2, processed: 1, failed: 1, p50_ms: 99_545, p95_ms: 189_055 }
      : { at: after(n * 60_000).toISOString(), received: 0, processed: 0, failed: 0, p50_ms: null, p95_ms: null },
  ),
};

export const EVENT_STREAM = `retry: 3000
id: 1204.0

id: 1211.7
event: alert.processed
data: ${JSON.stringify(PROCESSED)}

event: ping
id: 1211.7
data: {}

`;
