import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { appendAudit, WORKER } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { type Candidate, deleteFinished, removeUnusedFiles } from '#prisma/delete-alerts.ts';
import type { Part } from '#prisma/retention-rules.ts';
import {
  countDue,
  dueBefore,
  endRetentionRun,
  findRetentionState,
  type ReceiptPosition,
  readDatabaseTime,
  readDue,
  recordRetentionProgress,
  startRetentionRun,
} from '#prisma/retention-run.ts';
import type { RetentionMetrics } from './metrics.ts';
import { createPace, type Pace } from './pace.ts';

/** Removes a stored file; part of MediaStore. */
type FileRemover = { remove(kind: 'picture' | 'copy', sha256: string): Promise<void> };

/**
 * Writes alerts to the archive and returns those that it has; only these are deleted. An error ends the run. The alerts are
 * final, notified and not held, and those of a call are the next ones by time of receipt in a part of the table.
 */
export type Archive = (due: readonly Candidate[], signal: AbortSignal) => Promise<readonly Candidate[]>;

export type RunDeps = {
  db: Database;
  store: FileRemover | undefined;
  archive?: Archive | undefined;
  /** Delete all alerts of a day (UTC) at once. A file of the archive has one day, and would be written again every minute. */
  wholeDays?: boolean;
  /** Days for which alerts that were restored from the archive are kept. */
  restoredDays?: number;
  log: Logger;
  metrics: RetentionMetrics;
};

const START: ReceiptPosition = { receivedAt: new Date(0), id: 0n };
/** Most alerts are found due once. Those that were not final, or held, are found by the next scan of all. */
const FULL_SCAN_MS = 3_600_000;
/** Also of the rows that are read for the count. */
const MAX_COUNTED = 100_000;
const WRITE_INTERVAL_MS = 50;
const DAY_MS = 86_400_000;

/** Returns the parts of the table by the current rules. */
type ReadParts = () => Promise<readonly Part[]>;

/**
 * Returns a function that deletes all alerts that are due, and returns their number. It ends before the next batch once the
 * rules have changed: what a mistaken rule has not deleted by then is kept.
 */
export function createRun(deps: RunDeps): (readParts: ReadParts, signal: AbortSignal) => Promise<number> {
  const { db, metrics, restoredDays = 0 } = deps;
  const scanned = new Map<string, Date>();
  const pace = createPace();
  let lastFullScan = Number.NEGATIVE_INFINITY;
  return async (readParts, signal) => {
    const parts = await readParts();
    const isCurrent = async () => JSON.stringify(await readParts()) === JSON.stringify(parts);
    if (performance.now() - lastFullScan >= FULL_SCAN_MS) {
      scanned.clear();
      lastFullScan = performance.now();
    }
    const time = await readDatabaseTime(db);
    const now = deps.wholeDays ? startOfDay(time) : time;
    const restoredUntil = new Date(time.getTime() - restoredDays * DAY_MS);
    const from = (part: Part) => scanned.get(JSON.stringify(part)) ?? START.receivedAt;
    const { alerts: due } = await countDue(db, parts, now, {
      ...{ limit: MAX_COUNTED, scan: MAX_COUNTED, from, restoredUntil },
    });
    const progress: Progress = { started: false, deleted: 0, due };
    metrics.due.set(due);
    try {
      for (const part of parts) {
        const until = dueBefore(part, now);
        const scan = { part, from: { receivedAt: from(part), id: 0n }, until, restoredUntil, isCurrent, pace };
        if (!(await deletePart(deps, scan, progress, signal))) break;
        scanned.set(JSON.stringify(part), until);
      }
    } catch (error) {
      await endRun(db, progress, messageOf(error)).catch(() => {});
      throw error;
    }
    await endRun(db, progress, null);
    return progress.deleted;
  };
}

/** `started`: the run is recorded, because there was something to delete. */
type Progress = { started: boolean; deleted: number; due: number };
type Scan = {
  part: Part;
  from: ReceiptPosition;
  until: Date;
  restoredUntil: Date;
  isCurrent: () => Promise<boolean>;
  pace: Pace;
};

async function startRun(db: Database): Promise<void> {
  const before = await findRetentionState(db);
  const interrupted = before?.finishedAt === null && before.deleted > 0;
  await startRetentionRun(db);
  if (interrupted) await recordInAudit(db, { deleted: before.deleted, error: 'the worker ended during the run' });
}

async function endRun(db: Database, { started, deleted }: Progress, error: string | null): Promise<void> {
  if (!started) return;
  await endRetentionRun(db, deleted, error);
  if (deleted > 0) await recordInAudit(db, { deleted, ...(error !== null && { error }) });
}

function recordInAudit(db: Database, details: { deleted: number; error?: string }): Promise<void> {
  return appendAudit(db, { actor: WORKER, action: 'retention.run', details });
}

/** Returns false if the rules have changed. */
async function deletePart(deps: RunDeps, scan: Scan, progress: Progress, signal: AbortSignal): Promise<boolean> {
  const { part, from, until, restoredUntil, isCurrent, pace } = scan;
  for (let after: ReceiptPosition | undefined = from; after; ) {
    signal.throwIfAborted();
    const page = await readDue(deps.db, part, { after, until, restoredUntil, limit: pace.rows() });
    after = page.after;
    if (page.due.length === 0) continue;
    if (!progress.started) await startRun(deps.db);
    progress.started = true;
    const confirmed = deps.archive ? await deps.archive(page.due, signal) : page.due;
    if (confirmed.length === 0) continue;
    if (!(await isCurrent())) return false;
    const idleWriteMs = await timeWrite(deps.db, progress);
    const { batchMs, writesMs } = await deleteBatch(deps, confirmed, progress).catch((error: unknown) => {
      pace.failed();
      throw error;
    });
    const pauseMs = pace.pauseAfter({ rows: confirmed.length, batchMs, writesMs, idleWriteMs });
    if (after) await sleep(pauseMs, undefined, { signal });
  }
  return true;
}

/** Deletes a batch, and measures small writes until it has ended. */
async function deleteBatch({ db, store, metrics }: RunDeps, batch: readonly Candidate[], progress: Progress) {
  const startedAt = performance.now();
  const ended = new AbortController();
  const writes = timeWrites(db, progress, ended.signal);
  const { uuids, files } = await deleteFinished(db, batch).finally(() => ended.abort());
  const batchMs = performance.now() - startedAt;
  const writesMs = await writes;
  progress.deleted += uuids.length;
  metrics.deleted.inc(uuids.length);
  progress.due = Math.max(0, progress.due - uuids.length);
  metrics.due.set(progress.due);
  if (store) await removeUnusedFiles(db, store, files);
  return { batchMs, writesMs };
}

/** Returns how long small writes took, one after the other, until the signal. A failed one shows nothing. */
async function timeWrites(db: Database, progress: Progress, signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  while (!signal.aborted) {
    await sleep(WRITE_INTERVAL_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const ms = await timeWrite(db, progress).catch(() => undefined);
    if (ms !== undefined) times.push(ms);
  }
  return times;
}

async function timeWrite(db: Database, { deleted }: Progress): Promise<number> {
  const startedAt = performance.now();
  await recordRetentionProgress(db, deleted);
  return performance.now() - startedAt;
}

function startOfDay(time: Date): Date {
  return new Date(Math.floor(time.getTime() / DAY_MS) * DAY_MS);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
