import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { CopyReason } from '#media/reasons.ts';
import type { MediaStore } from '#media/store.ts';
import type { Database } from '#prisma/client.ts';
import {
  type ClaimedCopy,
  evictCopies,
  type RecordedCopy,
  recordCopy,
  recordNoCopy,
  releaseCopy,
  retryCopy,
} from '#prisma/copies.ts';
import { VideoError } from '../errors.ts';
import { CopyError } from './error.ts';
import type { Converter } from './ffmpeg.ts';
import { makeCopyFolder } from './folders.ts';
import { holdLease, RECORD_MS } from './lease.ts';
import { type CopyLimits, type MakeCopyDeps, makeCopy } from './make-copy.ts';
import type { CopyMetrics } from './metrics.ts';

export type AttemptDeps = {
  db: Database;
  log: Logger;
  metrics: Pick<CopyMetrics, 'copies' | 'seconds'>;
  /** Undefined: MEDIA_URL is not set. */
  store: Pick<MediaStore, 'put' | 'remove'> | undefined;
  converter: Converter | { missing: string };
  sources: MakeCopyDeps['sources'];
  limits: CopyLimits;
  /** Of all copies that are not for the archive. */
  cacheBytes: number;
  temporaryFolder: string;
  /** How often the lease is renewed. It lasts six times as long. */
  renewMs: number;
};

const S = 1_000;
const MIN = 60 * S;
/** Delays after the first, second, … attempt that failed for now. */
const RETRY_DELAYS_MS = [10 * S, MIN, 5 * MIN, 30 * MIN];
const MAX_ATTEMPTS = RETRY_DELAYS_MS.length + 1;
const MAX_RETRY_AFTER_MS = 60 * MIN;

/** Returns how long a claim lasts without being renewed. */
export function leaseMs({ renewMs }: Pick<AttemptDeps, 'renewMs'>): number {
  return 6 * renewMs;
}

/** Makes a claimed copy and records the result. Throws only database errors; the lease then ends by itself. */
export async function attemptCopy(deps: AttemptDeps, claimed: ClaimedCopy, stop: AbortSignal): Promise<void> {
  const { metrics } = deps;
  const started = performance.now();
  const lost = new AbortController();
  const timeout = AbortSignal.timeout(deps.limits.timeoutMs);
  try {
    const { store, converter } = requirements(deps, claimed);
    const signal = AbortSignal.any([stop, lost.signal, timeout]);
    await make({ ...deps, store, converter }, claimed, { signal, lost });
    metrics.seconds.observe((performance.now() - started) / S);
  } catch (error) {
    if (lost.signal.aborted) return count(deps, 'superseded');
    if (stop.aborted) {
      await releaseCopy(deps.db, claimed);
      return count(deps, 'released');
    }
    const tooSlow = () => new CopyError('too_slow', `the copy took more than ${deps.limits.timeoutMs / S} s`);
    await recordFailure(deps, claimed, timeout.aborted ? tooSlow() : error);
  }
}

/** Throws CopyError if this worker can make no copies, or if workers have ended during all attempts. */
function requirements({ store, converter }: AttemptDeps, { attempt }: ClaimedCopy) {
  if ('missing' in converter) throw new CopyError('no_decoder', converter.missing);
  if (!store) throw new CopyError('no_storage', 'MEDIA_URL is not set');
  if (attempt > MAX_ATTEMPTS) throw new CopyError('decoder_failed', `workers ended during ${MAX_ATTEMPTS} attempts`);
  return { store, converter };
}

type MakeDeps = AttemptDeps & { store: NonNullable<AttemptDeps['store']>; converter: Converter };

async function make(
  deps: MakeDeps,
  claimed: ClaimedCopy,
  { signal, lost }: { signal: AbortSignal; lost: AbortController },
): Promise<void> {
  const { db, store, cacheBytes } = deps;
  const folder = await makeCopyFolder(deps.temporaryFolder);
  let progress = 0;
  const onProgress = (reached: number) => {
    progress = reached;
  };
  const lease = holdLease(deps, claimed, { folder, progress: () => progress, lost });
  try {
    const copy = await makeCopy(deps, claimed, { folder, signal, onProgress });
    if (!claimed.archive && copy.bytes > cacheBytes) {
      throw new CopyError('too_large', `the copy has ${copy.bytes} bytes, and COPY_CACHE_BYTES is ${cacheBytes}`);
    }
    await store.put('copy', { path: copy.path }, copy.sha256);
    signal.throwIfAborted();
    const recorded = await untilRecorded(() => recordCopy(db, claimed, copy));
    // Its file remains, unless it is of another copy, too: the check for orphans deletes it.
    if (!recorded.recorded) return count(deps, 'superseded');
    count(deps, 'ready');
    const { uuid } = claimed.alert;
    deps.log.info({ alert: uuid, archive: claimed.archive, bytes: copy.bytes }, 'copy made');
    await removeFiles(deps, [recorded.unused, ...(await evict(deps))]);
  } finally {
    await lease.end();
    await rm(folder, { recursive: true, force: true });
  }
}

async function evict({ db, log, cacheBytes }: MakeDeps): Promise<string[]> {
  const { evicted, unused } = await evictCopies(db, cacheBytes);
  if (evicted > 0) log.info({ evicted }, 'copies deleted that were not used for longest');
  return unused;
}

/** A file that cannot be deleted is an orphan, which the next check deletes. */
async function removeFiles({ store, log }: Pick<AttemptDeps, 'store' | 'log'>, files: (string | undefined)[]) {
  for (const sha256 of files) {
    if (sha256 === undefined) continue;
    await store?.remove('copy', sha256).catch((err) => log.warn({ err, sha256 }, 'cannot delete the file of a copy'));
  }
}

async function recordFailure(deps: AttemptDeps, claimed: ClaimedCopy, error: unknown): Promise<void> {
  const { db, log } = deps;
  const { attempt, alert } = claimed;
  const line = { alert: alert.uuid, attempt, archive: claimed.archive };
  const delayMs = isFinal(error) ? undefined : RETRY_DELAYS_MS[attempt - 1];
  const failure = failureOf(error);
  const isInternal = !(error instanceof CopyError || error instanceof VideoError);
  const fields = { ...line, ...failure, ...(isInternal && { err: error }) };
  if (delayMs !== undefined) {
    const retryAfterMs = error instanceof VideoError ? Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) : 0;
    const nextAttemptInMs = Math.max(delayMs, retryAfterMs);
    log[isInternal ? 'warn' : 'info']({ ...fields, nextAttemptInMs }, 'attempt to make a copy failed');
    const retried = await untilRecorded(() => retryCopy(db, claimed, nextAttemptInMs));
    return count(deps, retried ? 'retry' : 'superseded', failure.reason);
  }
  log[isInternal ? 'warn' : 'info'](fields, 'no copy can be made');
  const { recorded, unused } = await untilRecorded<RecordedCopy>(() => recordNoCopy(db, claimed, failure));
  count(deps, recorded ? 'none' : 'superseded', failure.reason);
  await removeFiles(deps, [unused]);
}

function isFinal(error: unknown): boolean {
  return error instanceof CopyError || (error instanceof VideoError && error.permanent);
}

const NO_SPACE = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'];

function failureOf(error: unknown): { reason: CopyReason; detail: string } {
  if (error instanceof CopyError) return { reason: error.reason, detail: error.message };
  if (error instanceof VideoError) return { reason: 'video_unavailable', detail: `${error.code}: ${error.message}` };
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!('code' in cause) || !NO_SPACE.includes(`${cause.code}`)) continue;
    return { reason: 'no_storage', detail: `the copy cannot be stored (${cause.code}): see the log of the worker` };
  }
  return { reason: 'decoder_failed', detail: 'internal error of the worker: see its log' };
}

/** Repeats a write that the database refuses, for as long as the lease may last. */
async function untilRecorded<Result>(write: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (performance.now() - started > RECORD_MS / 2) throw error;
      await sleep(500);
    }
  }
}

function count({ metrics }: AttemptDeps, outcome: Outcome, reason = ''): void {
  metrics.copies.inc({ outcome, reason });
}

export type Outcome = 'ready' | 'none' | 'retry' | 'released' | 'superseded';
