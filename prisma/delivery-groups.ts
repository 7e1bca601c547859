import type { Database } from './client.ts';
import { GROUPABLE, UNSENT } from './deliveries.ts';

/** Deliveries in the messages of one call: 2 s on a busy machine; the timeout is 8 s. The others follow in the next message. */
const MAX_MESSAGE = 5_000;

/**
 * Forms a message of the waiting deliveries of each store whose first one has waited for the destination's `groupWaitS` and
 * whose last message was formed `groupIntervalS` ago. claimDeliveries then claims its lead, the oldest one. Returns when the
 * next message can be formed. Does nothing for a destination without grouping, or while it is disabled.
 */
export async function formGroups(db: Database, destinationId: string): Promise<{ nextAt?: Date }> {
  const waiting = await db.$queryRaw<{ store: string; at: Date; ready: boolean }[]>`
    SELECT store, ready_at AS at, ready_at <= now() AS ready
    FROM (
      SELECT store, min(created_at) AS first FROM deliveries
      WHERE destination_id = ${destinationId}::uuid AND ${UNSENT} AND message_id IS NULL AND ${GROUPABLE}
        AND EXISTS (SELECT FROM destinations WHERE id = ${destinationId}::uuid AND group_by = 'store' AND enabled)
      GROUP BY store) waiting
    JOIN destinations ON destinations.id = ${destinationId}::uuid
    LEFT JOIN delivery_groups ON destination_id = destinations.id AND group_key = store
    CROSS JOIN LATERAL (SELECT GREATEST(first + make_interval(secs => COALESCE(group_wait_s, 0)),
      last_sent_at + make_interval(secs => COALESCE(group_interval_s, 0))) AS ready_at) ready
    ORDER BY ready_at`;
  const ready = waiting.filter((group) => group.ready).map(({ store }) => store);
  if (ready.length > 0) await formMessages(db, destinationId, ready);
  const next = waiting.find((group) => !group.ready);
  return next ? { nextAt: next.at } : {};
}

/** Of concurrent calls, one forms the message of a store: a member that another call assigns is sent with its own lead. */
async function formMessages(db: Database, destinationId: string, stores: string[]): Promise<void> {
  await db.$executeRaw`
    WITH destination AS MATERIALIZED (
      SELECT id, COALESCE(group_interval_s, 0) AS interval_s FROM destinations WHERE id = ${destinationId}::uuid FOR KEY SHARE),
    waiting AS MATERIALIZED (
      SELECT id, store, created_at FROM deliveries
      WHERE destination_id = ${destinationId}::uuid AND status = 'pending' AND message_id IS NULL AND ${GROUPABLE}
        AND store = ANY (${stores}::text[])
      ORDER BY created_at, id LIMIT ${MAX_MESSAGE}::int FOR UPDATE SKIP LOCKED),
    leads AS (SELECT DISTINCT ON (store) store, id FROM waiting ORDER BY store, created_at, id),
    formed AS (
      INSERT INTO delivery_groups AS before (destination_id, group_key, last_sent_at)
      SELECT destination.id, store, now() FROM leads, destination ORDER BY store
      ON CONFLICT (destination_id, group_key) DO UPDATE SET last_sent_at = now()
      WHERE before.last_sent_at <= now() - make_interval(secs => (SELECT interval_s FROM destination))
      RETURNING group_key)
    UPDATE deliveries SET message_id = leads.id FROM waiting JOIN leads USING (store) JOIN formed ON group_key = store
    WHERE deliveries.id = waiting.id`;
}
