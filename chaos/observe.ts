import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertQueue } from '#redis/queue.ts';
import type { StackDatabase } from './database.ts';
import type { Aim } from './faults.ts';
import type { Change, Leftover, Row } from './history.ts';

type Found = {
  uuid: string;
  status: string;
  resolution: string | null;
  failure_code: string | null;
  attempts: number;
  notified_at: Date | null;
};

function rowOf({ uuid, status, resolution, failure_code, attempts, notified_at }: Found): Row {
  return { uuid, status, resolution, failureCode: failure_code, attempts, notifiedAt: notified_at?.getTime() ?? null };
}

/** Every row as it stands. */
export async function readRows(database: StackDatabase): Promise<Row[]> {
  const found = await database.direct().$queryRaw<Found[]>`
    SELECT uuid::text, status::text, resolution, failure_code::text, attempts, notified_at FROM alerts`;
  return found.map(rowOf);
}

/** Every change of every row, the oldest first. */
export async function readChanges(database: StackDatabase): Promise<Change[]> {
  type FoundChange = Found & { at: Date; by: string; processed_at: Date | null };
  const found = await database.direct().$queryRaw<FoundChange[]>`
    SELECT uuid::text, status, resolution, failure_code, attempts, notified_at, at, by, processed_at
    FROM chaos.changes ORDER BY n`;
  return found.map((change) => ({
    ...rowOf(change),
    at: change.at.getTime(),
    by: change.by,
    processedAt: change.processed_at?.getTime() ?? null,
  }));
}

export type Progress = { rows: number; final: number; notified: number; untouched: number };

/** How far the rows are. `untouched`: no worker has had them yet. */
export async function readProgress(database: StackDatabase): Promise<Progress> {
  const [counts] = await database.direct().$queryRaw<Progress[]>`
    SELECT count(*)::int AS rows, count(*) FILTER (WHERE status IN ('processed', 'failed'))::int AS final,
      count(notified_at)::int AS notified, count(*) FILTER (WHERE status = 'pending' AND attempts = 0)::int AS untouched
    FROM alerts`;
  if (!counts) throw new Error('a count without a row');
  return counts;
}

/** Whether the newest change of some alert is this incarnation's claim, or its record that is not marked yet. */
export async function isAt(aim: Aim, database: StackDatabase, incarnation: string): Promise<boolean> {
  const statuses = aim === 'claimed' ? ['processing'] : ['processed', 'failed'];
  const held = await database.direct().$queryRaw<unknown[]>`
    SELECT 1 FROM alerts JOIN chaos.changes AS change USING (uuid)
    WHERE alerts.notified_at IS NULL AND alerts.status::text = ANY(${statuses}) AND change.status = alerts.status::text
      AND change.attempts = alerts.attempts AND change.by = ${incarnation} LIMIT 1`;
  return held.length > 0;
}

/** Waits, at most so long, until every row is final and notified. False: it is not. */
export async function settled(database: StackDatabase, withinMs: number, signal: AbortSignal): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(500, undefined, { signal })) {
    const { rows, notified } = await readProgress(database);
    if (rows === notified) return true;
  }
  return false;
}

const UNDONE = ['waiting', 'active', 'delayed', 'prioritized'] as const;

/** Jobs that are still to be done although their row is done. A job that ends right now is given `withinMs` to be gone. */
export async function readLeftovers(
  queue: AlertQueue,
  rows: Row[],
  withinMs: number,
  signal: AbortSignal,
): Promise<Leftover[]> {
  const done = new Set(rows.filter(({ notifiedAt }) => notifiedAt !== null).map(({ uuid }) => uuid));
  for (const deadline = Date.now() + withinMs; ; await sleep(1_000, undefined, { signal })) {
    const left: Leftover[] = [];
    for (const state of UNDONE) {
      for (const { id } of await queue.bull().getJobs([state])) if (id && done.has(id)) left.push({ uuid: id, state });
    }
    if (left.length === 0 || Date.now() > deadline) return left;
  }
}
