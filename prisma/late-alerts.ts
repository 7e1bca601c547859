import type { Database } from './client.ts';
import { EVENT_COLUMNS, insertDeliveries } from './delivery-sql.ts';
import { Prisma } from './generated/client.ts';

/** A place in the order of receipt. */
export type LatePosition = { receivedAt: Date; id: bigint };

export type LatePage = {
  /** Destinations with a new pending delivery. */
  destinations: string[];
  /** Number of new deliveries that are muted. */
  muted: number;
  /** Where the next call continues; undefined: all unfinished alerts were examined. */
  after: LatePosition | undefined;
};

const START: LatePosition = { receivedAt: new Date(0), id: 0n };

/**
 * Records the event alert.late for those of the next `limit` unfinished alerts whose round of attempts began more than
 * `lateAfterMs` ago: once per alert, with its deliveries. Does nothing unless a destination's filter has the event.
 */
export async function recordLate(
  db: Database,
  { lateAfterMs, limit, after = START }: { lateAfterMs: number; limit: number; after?: LatePosition | undefined },
): Promise<LatePage> {
  const before = Prisma.sql`now() - make_interval(secs => ${lateAfterMs / 1000}::float8)`;
  const [page] = await db.$queryRaw<(LatePosition & Pick<LatePage, 'destinations' | 'muted'> & { scanned: number })[]>`
    WITH scanned AS MATERIALIZED (
      SELECT id, received_at, late_at IS NULL AND status IN ('pending', 'processing')
        AND COALESCE(round_started_at, received_at) < ${before} AS late FROM alerts
      WHERE EXISTS (SELECT FROM destinations WHERE filter_events = '{}' OR 'alert.late' = ANY (filter_events))
        AND notified_at IS NULL AND received_at < ${before} AND received_at >= ${after.receivedAt}::timestamptz
        AND (received_at, id) > (${after.receivedAt}::timestamptz, ${after.id}::bigint)
      ORDER BY received_at, id LIMIT ${limit}::int),
    locked AS MATERIALIZED (
      SELECT id FROM alerts WHERE id IN (SELECT id FROM scanned WHERE late)
        AND late_at IS NULL AND status IN ('pending', 'processing') FOR UPDATE SKIP LOCKED),
    late AS (
      UPDATE alerts SET late_at = now() FROM locked WHERE alerts.id = locked.id RETURNING ${Prisma.raw(EVENT_COLUMNS)}),
    added AS (${Prisma.raw(insertDeliveries('late', "'alert.late'"))})
    SELECT id, received_at AS "receivedAt", (SELECT count(*)::int FROM scanned) AS scanned,
      ARRAY(SELECT DISTINCT destination_id::text FROM added WHERE status = 'pending') AS destinations,
      (SELECT count(*)::int FROM added WHERE status = 'muted') AS muted
    FROM scanned ORDER BY received_at DESC, id DESC LIMIT 1`;
  if (!page) return { destinations: [], muted: 0, after: undefined };
  const { id, receivedAt, scanned, destinations, muted } = page;
  return { destinations, muted, after: scanned < limit ? undefined : { receivedAt, id } };
}
