import type { DeliveryRow } from '#prisma/delivery-listing.ts';
import type { DestinationRow } from '#prisma/destinations.ts';
import { presentDelivery, presentDestination, presentMute } from '../destinations/present.ts';
import { CONSOLE, newDestinationSchema } from '../destinations/schema.ts';
import { FAILED, OTHER_UUID } from './examples.ts';

// Made by the code that makes real responses, as in examples.ts.
export const DESTINATION_ID = 'b7f6a1d0-52c4-4f0e-9d35-3c1e8a2b4f60';
export const DELIVERY_ID = '2c9d4e1f-8a3b-4c5d-9e6f-7a8b9c0d1e2f';
export const MUTE_ID = '5e4d3c2b-1a09-4f8e-8d7c-6b5a49382716';
/** No secret: the bytes are zero. */
export const SIGNING_SECRET = `whsec_${Buffer.alloc(32).toString('base64')}`;

const at = (seconds: number) => new Date(Date.parse('2026-11-22T06:00:00.000Z') + seconds * 1_000);

export const NEW_DESTINATION = {
  name: 'back office',
  kind: 'webhook',
  config: { url: 'https://backoffice.example.com/alerts' },
  filter: { stores: ['test-store'], events: ['alert.failed'] },
};

export const NEW_EMAIL = {
  name: 'on-call',
  kind: 'email',
  config: {
    ...{ to: ['on-call@example.com'], from: 'alerts@example.com', host: 'smtp.example.com', port: 587 },
    ...{ security: 'starttls', user: 'alerts', password: 'correct horse' },
  },
  group: { by: 'store', wait_s: 30, interval_s: 300 },
};

const { name, kind, config, filter } = newDestinationSchema.parse(NEW_DESTINATION);

const NEW_ROW: DestinationRow = {
  ...{ id: DESTINATION_ID, name, kind, secrets: null, enabled: true, waitForPicture: false },
  ...{ groupBy: null, groupWaitS: null },
  config: { url: String(config.url) },
  ...{ filterStores: filter.stores, filterEvents: filter.events, filterFailureCodes: filter.failure_codes },
  ...{ groupIntervalS: null, disabledReason: null, disabledAt: null, consecutiveFailures: 0, blockedUntil: null },
  ...{ lastError: null, lastErrorAt: null, lastDeliveredAt: null, createdAt: at(-3_600), updatedAt: at(-3_600) },
  deletedAt: null,
};
const signed = { secrets: { fields: {}, signing: { secret: SIGNING_SECRET } } };

export const CREATED_DESTINATION = presentDestination(NEW_ROW, signed);
export const DESTINATION = presentDestination({ ...NEW_ROW, lastDeliveredAt: at(201) }, signed);
export const FAILING_DESTINATION = presentDestination(
  {
    ...{ ...NEW_ROW, consecutiveFailures: 7, blockedUntil: at(500), lastDeliveredAt: at(201) },
    ...{ lastError: 'the receiver responded 500', lastErrorAt: at(480) },
  },
  signed,
  { pending: 12, failed: 0 },
);
export const DISABLED_DESTINATION = presentDestination(
  { ...NEW_ROW, enabled: false, disabledReason: 'the receiver responded 410 Gone', disabledAt: at(600) },
  signed,
  { pending: 3, failed: 0 },
);
export const DESTINATIONS = { data: [CONSOLE, DESTINATION] };

const PENDING_ROW: DeliveryRow = {
  ...{ id: DELIVERY_ID, destinationId: DESTINATION_ID, destination: { id: DESTINATION_ID, name, kind } },
  ...{ alert: OTHER_UUID, event: 'alert.failed', store: FAILED.store, failureCode: 'video_timeout' },
  ...{ status: 'pending', attempts: 0, attemptsBefore: 0, nextAttemptAt: at(200), messageId: null, muteId: null },
  ...{ responseStatus: null, responseBody: null, lastError: null, history: [], createdAt: at(200), deliveredAt: null },
};
const attempt = { at: at(201).toISOString(), status: 200, error: null, ms: 84 };
const error = 'the receiver responded 500';

export const PENDING_DELIVERY = presentDelivery(PENDING_ROW);
export const DELIVERED = presentDelivery({
  ...{ ...PENDING_ROW, status: 'delivered', attempts: 1, deliveredAt: at(201) },
  ...{ responseStatus: 200, responseBody: 'ok', history: [attempt] },
});
export const FAILED_DELIVERY = presentDelivery({
  ...{ ...PENDING_ROW, status: 'failed', attempts: 10, responseStatus: 500, responseBody: 'out of order' },
  ...{ lastError: error, history: [{ ...attempt, status: 500, error }] },
});
export const TEST_DELIVERY = presentDelivery({
  ...{ ...PENDING_ROW, event: 'test', alert: null, store: null, failureCode: null },
});

/** Older ones follow. */
export const DELIVERY_PAGE = {
  data: [DELIVERED],
  next_cursor: Buffer.from(`${at(200).getTime()}.${DELIVERY_ID}`).toString('base64url'),
};

export const MUTE = presentMute({
  ...{ id: MUTE_ID, store: 'test-store', failureCode: 'video_not_found', destinationId: null, muted: 4 },
  ...{ reason: 'camera is being replaced', createdBy: 'me', createdAt: at(300), endsAt: at(7_500) },
});
