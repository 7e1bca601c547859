import type { z } from 'zod';
import { EVENTS } from '#destinations/events.ts';
import type { Fields } from '#destinations/kinds.ts';
import type { DeliveryRow } from '#prisma/delivery-listing.ts';
import type { DestinationHealth, DestinationRow } from '#prisma/destinations.ts';
import type { MuteRow } from '#prisma/mutes.ts';
import type { deliverySchema } from './delivery-schema.ts';
import type { muteSchema } from './mute-schema.ts';
import type { DestinationJson, HEALTH_STATES } from './schema.ts';
import type { ReadSecrets } from './secrets.ts';

/** Returns the destination as responses show it: without the values of its secrets. */
export function presentDestination(
  row: DestinationRow,
  { secrets, error }: ReadSecrets,
  counts: Pick<DestinationHealth, 'pending' | 'failed'> = { pending: 0, failed: 0 },
): DestinationJson {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    config: Object(row.config) as Fields, // the column holds an object
    secrets: secrets ? [...(secrets.signing ? ['signing_secret'] : []), ...Object.keys(secrets.fields)] : [],
    secrets_error: error ?? null,
    filter: {
      stores: row.filterStores,
      events: EVENTS.filter((event) => row.filterEvents.includes(event)),
      failure_codes: row.filterFailureCodes,
    },
    group:
      row.groupBy === null ? null : { by: 'store', wait_s: row.groupWaitS ?? 0, interval_s: row.groupIntervalS ?? 0 },
    wait_for_picture: row.waitForPicture,
    enabled: row.enabled,
    disabled_reason: row.disabledReason,
    disabled_at: row.disabledAt?.toISOString() ?? null,
    health: {
      state: stateOf(row),
      consecutive_failures: row.consecutiveFailures,
      blocked_until: row.blockedUntil?.toISOString() ?? null,
      last_error: row.lastError,
      last_error_at: row.lastErrorAt?.toISOString() ?? null,
      last_delivered_at: row.lastDeliveredAt?.toISOString() ?? null,
      pending: counts.pending,
      failed: counts.failed,
    },
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    links: { self: `/destinations/${row.id}`, deliveries: `/deliveries?destination=${row.id}` },
  };
}

function stateOf(row: DestinationRow): (typeof HEALTH_STATES)[number] {
  if (!row.enabled) return 'disabled';
  // A success sets it to null. After this time, one attempt decides.
  if (row.blockedUntil !== null) return 'blocked';
  if (row.consecutiveFailures > 0) return 'failing';
  return row.lastDeliveredAt === null ? 'unused' : 'ok';
}

/** Returns the delivery as responses show it. */
export function presentDelivery(row: DeliveryRow): z.input<typeof deliverySchema> {
  const hasResponse = row.responseStatus !== null || row.responseBody !== null;
  return {
    id: row.id,
    destination: { id: row.destination.id, name: row.destination.name, kind: row.destination.kind },
    alert: row.alert,
    store: row.store,
    event: row.event as 'test', // written by the code that has the list
    status: row.status,
    attempts: row.attempts,
    next_attempt_at: row.status === 'pending' ? row.nextAttemptAt.toISOString() : null,
    created_at: row.createdAt.toISOString(),
    delivered_at: row.deliveredAt?.toISOString() ?? null,
    error: row.lastError,
    response: hasResponse ? { status: row.responseStatus, body: row.responseBody } : null,
    history: row.history.map((attempt) => ({ ...attempt, at: new Date(attempt.at).toISOString() })),
    message: row.messageId,
    mute: row.muteId,
    links: { self: `/deliveries/${row.id}` },
  };
}

/** Returns the mute as responses show it. */
export function presentMute(row: MuteRow): z.input<typeof muteSchema> {
  return {
    id: row.id,
    store: row.store,
    failure_code: row.failureCode,
    destination: row.destinationId,
    reason: row.reason,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    ends_at: row.endsAt.toISOString(),
    muted: row.muted,
  };
}
