import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertQueue } from '#redis/queue.ts';
import type { StackDatabase } from './database.ts';
import type { Moment } from './faults.ts';
import type { Change, DeliveryChange, DeliveryRecord, LeftoverJob, Row } from './history.ts';

type DatabaseRow = {
  uuid: string;
  status: string;
  resolution: string | null;
  failure_code: string | null;
  attempts: number;
  notified_at: Date | null;
};

function toRow({ uuid, status, resolution, failure_code, attempts, notified_at }: DatabaseRow): Row {
  return { uuid, status, resolution, failureCode: failure_code, attempts, notifiedAt: notified_at?.getTime() ?? null };
}

/** Returns every row in its current state. */
export async function readRows(database: StackDatabase): Promise<Row[]> {
  const rows = await database.direct().$queryRaw<DatabaseRow[]>`
    SELECT uuid::text, status::text, resolution, failure_code::text, attempts, notified_at FROM alerts`;
  return rows.map(toRow);
}

/** Returns every change of every row, oldest first. */
export async function readChanges(database: StackDatabase): Promise<Change[]> {
  type DatabaseChange = DatabaseRow & { at: Date; by: string; processed_at: Date | null };
  const changes = await database.direct().$queryRaw<DatabaseChange[]>`
    SELECT uuid::text, status, resolution, failure_code, attempts, notified_at, at, by, processed_at
    FROM chaos.changes ORDER BY n`;
  return changes.map((change) => ({
    ...toRow(change),
    at: change.at.getTime(),
    by: change.by,
    processedAt: change.processed_at?.getTime() ?? null,
  }));
}

export type Progress = { rows: number; final: number; notified: number; untouched: number };

/** Returns how many rows reached which state. `untouched`: never claimed. */
export async function readProgress(database: StackDatabase): Promise<Progress> {
  const [progress] = await database.direct().$queryRaw<Progress[]>`
    SELECT count(*)::int AS rows, count(*) FILTER (WHERE status IN ('processed', 'failed'))::int AS final,
      count(notified_at)::int AS notified, count(*) FILTER (WHERE status = 'pending' AND attempts = 0)::int AS untouched
    FROM alerts`;
  if (!progress) throw new Error('count(*) returned no row');
  return progress;
}

/** Returns how many alerts that were received before this time are not final. */
export async function countUnfinished(database: StackDatabase, receivedBefore: Date): Promise<number> {
  const [row] = await database.direct().$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM alerts
    WHERE notified_at IS NULL AND status IN ('pending', 'processing') AND received_at < ${receivedBefore}`;
  return row?.count ?? 0;
}

/**
 * Returns whether the newest change of some alert is this process's claim, or its record that is not marked notified, or
 * the newest change of some delivery is its claim.
 */
export async function isAtMoment(
  moment: Exclude<Moment, 'picturing'>,
  database: StackDatabase,
  process: string,
): Promise<boolean> {
  if (moment === 'delivering') return isDelivering(database, process);
  const statuses = moment === 'claimed' ? ['processing'] : ['processed', 'failed'];
  const matches = await database.direct().$queryRaw<unknown[]>`
    SELECT 1 FROM alerts JOIN chaos.changes AS change USING (uuid)
    WHERE alerts.notified_at IS NULL AND alerts.status::text = ANY(${statuses}) AND change.status = alerts.status::text
      AND change.attempts = alerts.attempts AND change.by = ${process} LIMIT 1`;
  return matches.length > 0;
}

/** A process has fewer deliveries in progress; reading all changes would take too long. */
const RECENT_CHANGES = 200;

async function isDelivering(database: StackDatabase, process: string): Promise<boolean> {
  const claims = await database.direct().$queryRaw<unknown[]>`
    WITH recent AS (SELECT * FROM chaos.delivery_changes ORDER BY n DESC LIMIT ${RECENT_CHANGES})
    SELECT 1 FROM recent WHERE claim AND by = ${process}
      AND NOT EXISTS (SELECT FROM recent AS later WHERE later.id = recent.id AND later.n > recent.n) LIMIT 1`;
  return claims.length > 0;
}

/** Returns every delivery of an alert in its current state. */
export function readDeliveries(database: StackDatabase): Promise<DeliveryRecord[]> {
  return database.direct().$queryRaw<DeliveryRecord[]>`
    SELECT deliveries.id::text, destinations.name AS destination, alerts.uuid::text, event, deliveries.status::text
    FROM deliveries JOIN alerts ON alerts.id = alert_id JOIN destinations ON destinations.id = destination_id`;
}

/** Returns every change of every delivery, oldest first. */
export async function readDeliveryChanges(database: StackDatabase): Promise<DeliveryChange[]> {
  type DatabaseChange = Omit<DeliveryChange, 'at'> & { at: Date };
  const changes = await database.direct().$queryRaw<DatabaseChange[]>`
    SELECT id::text, at, by, status, claim AS "isClaim" FROM chaos.delivery_changes ORDER BY n`;
  return changes.map((change) => ({ ...change, at: change.at.getTime() }));
}

/** Returns the uuids of the alerts that were late. */
export async function readLate(database: StackDatabase): Promise<string[]> {
  const rows = await database.direct().$queryRaw<{ uuid: string }[]>`
    SELECT uuid::text FROM alerts WHERE late_at IS NOT NULL`;
  return rows.map(({ uuid }) => uuid);
}

/** Returns how many deliveries are not delivered. */
export async function countUndelivered(database: StackDatabase): Promise<number> {
  const [row] = await database.direct().$queryRaw<{ n: number }[]>`
    SELECT count(*)::int AS n FROM deliveries WHERE status <> 'delivered'`;
  return row?.n ?? 0;
}

/** Waits up to `timeoutMs` until every row is final and notified. Returns whether they are. */
export async function waitUntilAllNotified(
  database: StackDatabase,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(500, undefined, { signal })) {
    const { rows, notified } = await readProgress(database);
    if (rows === notified) return true;
  }
  return false;
}

const UNFINISHED = ['waiting', 'active', 'delayed', 'prioritized'] as const;

/** Returns the unfinished jobs of rows that are notified, after waiting up to `timeoutMs` for them to disappear. */
export async function readLeftoverJobs(
  queue: AlertQueue,
  rows: Row[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<LeftoverJob[]> {
  const notified = new Set(rows.filter(({ notifiedAt }) => notifiedAt !== null).map(({ uuid }) => uuid));
  for (const deadline = Date.now() + timeoutMs; ; await sleep(1_000, undefined, { signal })) {
    const leftovers: LeftoverJob[] = [];
    for (const state of UNFINISHED) {
      for (const { id } of await queue.bull().getJobs([state])) {
        if (id && notified.has(id)) leftovers.push({ uuid: id, state });
      }
    }
    if (leftovers.length === 0 || Date.now() > deadline) return leftovers;
  }
}
