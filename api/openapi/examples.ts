import type { z } from 'zod';
import { type acceptedAlertSchema, type alertSchema, newAlertSchema } from '../alerts/schema.ts';

// One alert through the whole document, so that its answers can be read as one story.
export const UUID = '35df2857-3a48-4985-aed0-e68b5ae4c968';
export const REQUEST_ID = '0b6f2f0c-6d1c-4b53-9d8c-7a4f7f1f2a11';

export const POSTED = newAlertSchema.parse({
  uuid: UUID,
  video: '/videos/test_1.avi',
  timestamp: 1748871320.6882,
  store: 'test-store',
});

type AlertBody = z.output<typeof alertSchema>;

export const PENDING: AlertBody = {
  ...POSTED,
  status: 'pending',
  resolution: null,
  width: null,
  height: null,
  rotation: null,
  codec: null,
  container: null,
  duration: null,
  attempts: 0,
  bytes_fetched: 0,
  failure: null,
  received_at: '2026-11-22T06:00:00.000Z',
  started_at: null,
  processed_at: null,
  notified_at: null,
  links: { self: `/alerts/${UUID}` },
};

export const ACCEPTED: z.output<typeof acceptedAlertSchema> = { ...PENDING, dispatch: 'queued' };

export const PROCESSED: AlertBody = {
  ...PENDING,
  status: 'processed',
  resolution: '1280x720',
  width: 1280,
  height: 720,
  rotation: 0,
  codec: 'h264',
  container: 'avi',
  duration: 3.04,
  attempts: 1,
  bytes_fetched: 65_536,
  started_at: '2026-11-22T06:00:00.040Z',
  processed_at: '2026-11-22T06:00:00.090Z',
  notified_at: '2026-11-22T06:00:00.100Z',
};

export const FAILED: AlertBody = {
  ...PENDING,
  status: 'failed',
  attempts: 12,
  failure: { code: 'video_timeout', detail: 'no byte for 10 s', retryable: true },
  started_at: '2026-11-22T06:01:20.000Z',
  processed_at: '2026-11-22T06:01:30.000Z',
  notified_at: '2026-11-22T06:01:30.010Z',
};

export const RETRIED: z.output<typeof acceptedAlertSchema> = {
  ...ACCEPTED,
  attempts: 12,
  started_at: FAILED.started_at,
};

export const STREAM = `retry: 3000
id: 1204.0

id: 1211.7
event: alert.processed
data: ${JSON.stringify(PROCESSED)}

id: 1211.7
: ping

`;
