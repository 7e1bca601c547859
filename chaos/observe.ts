import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertQueue } from '#redis/queue.ts';
import type { StackDatabase } from './database.ts';
import type { Moment } from './faults.ts';
import type { Change, LeftoverJob, Row } from './history.ts';

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

/** Returns whether the newest change of some alert is this process's claim, or its record that is not marked notified. */
export async function isAtMoment(moment: Moment, database: StackDatabase, process: string): Promise<boolean> {
  const statuses = moment === 'claimed' ? ['processing'] : ['processed', 'failed'];
  const matches = await database.direct().$queryRaw<unknown[]>`
    SELECT 1 FROM alerts JOIN chaos.changes AS change USING (uuid)
    WHERE alerts.notified_at IS NULL AND alerts.status::text = ANY(${statuses}) AND change.status = alerts.status::text
      AND change.attempts = alerts.attempts AND change.by = ${process} LIMIT 1`;
  return matches.length > 0;
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
