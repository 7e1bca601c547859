import type { Logger } from 'pino';
import type { MediaKind, MediaStore } from '#media/store.ts';
import type { Database } from '#prisma/client.ts';
import { filesInUse, filesWithoutRow, recordLostFiles } from '#prisma/media-files.ts';
import type { MediaMetrics } from './metrics.ts';

export type CheckDeps = { db: Database; store: MediaStore; log: Logger; metrics: MediaMetrics };

/** A file is stored before its row refers to it, and a row is written after its file: younger ones are not compared. */
const MIN_AGE_MS = 3_600_000;
/** Files and rows that one check changes. The next one continues. */
const MAX_CHANGES = 10_000;
const BATCH = 100;
/** If more than half of over 100 do not match, the store or the database is another one. */
const FEW = 100;

type Found = { files: number; bytes: number; orphans: number; orphaned: string[]; ready: number; lost: string[] };

/**
 * Compares the files of a kind with the rows: deletes files without a row, and lets pictures be made again whose file is
 * missing. Changes nothing if more than half of the files, or of the rows, do not match.
 */
export async function checkFiles(deps: CheckDeps, kind: MediaKind, signal: AbortSignal): Promise<void> {
  const found: Found = { files: 0, bytes: 0, orphans: 0, orphaned: [], ready: 0, lost: [] };
  // One of 256 parts at a time bounds the memory.
  for (let byte = 0; byte < 256; byte += 1) {
    signal.throwIfAborted();
    await comparePart(deps, kind, byte, found);
  }
  const { files, bytes, orphans, ready, lost } = found;
  deps.metrics.files.set({ kind }, files);
  deps.metrics.bytes.set({ kind }, bytes);
  if (files > FEW && orphans > files / 2) refuse(deps, { kind, files, orphans });
  else await deleteOrphans(deps, kind, found.orphaned, signal);
  if (ready > FEW && lost.length > ready / 2) refuse(deps, { kind, ready, lost: lost.length });
  else await recordLost(deps, kind, lost, signal);
}

async function comparePart({ db, store }: CheckDeps, kind: MediaKind, byte: number, found: Found): Promise<void> {
  const oldEnough = Date.now() - MIN_AGE_MS;
  const stored = new Map<string, Date>();
  for await (const { sha256, bytes, modifiedAt } of store.list(kind, byte.toString(16).padStart(2, '0'))) {
    stored.set(sha256, modifiedAt);
    found.files += 1;
    found.bytes += bytes;
  }
  const used = new Set<string>();
  for (const { sha256, readySince } of await filesInUse(db, kind, byte)) {
    used.add(sha256);
    if (readySince === null) continue;
    found.ready += 1;
    if (!stored.has(sha256) && readySince.getTime() < oldEnough) found.lost.push(sha256);
  }
  for (const [sha256, modifiedAt] of stored) {
    if (used.has(sha256) || modifiedAt.getTime() >= oldEnough) continue;
    found.orphans += 1;
    if (found.orphaned.length < MAX_CHANGES) found.orphaned.push(sha256);
  }
}

function refuse({ log, metrics }: CheckDeps, counts: { kind: MediaKind } & Record<string, unknown>): void {
  metrics.refused.inc({ kind: counts.kind });
  log.error(
    counts,
    'more than half of the stored files and rows do not match: nothing changed. Check that MEDIA_URL and DATABASE_URL belong together and that the folder is mounted',
  );
}

async function deleteOrphans(deps: CheckDeps, kind: MediaKind, sha256s: string[], signal: AbortSignal): Promise<void> {
  const { db, store, log, metrics } = deps;
  let deleted = 0;
  for (const batch of batchesOf(sha256s)) {
    signal.throwIfAborted();
    // An alert can have got the same picture since.
    for (const sha256 of await filesWithoutRow(db, kind, batch)) {
      await store.remove(kind, sha256);
      metrics.deleted.inc({ kind });
      deleted += 1;
    }
  }
  if (deleted > 0) log.info({ kind, deleted }, 'deleted stored files that no alert has');
}

async function recordLost(deps: CheckDeps, kind: MediaKind, sha256s: string[], signal: AbortSignal): Promise<void> {
  const { db, store, log, metrics } = deps;
  let rows = 0;
  for (const batch of batchesOf(sha256s.slice(0, MAX_CHANGES))) {
    signal.throwIfAborted();
    const missing: string[] = [];
    for (const sha256 of batch) if ((await store.size(kind, sha256)) === undefined) missing.push(sha256);
    rows += await recordLostFiles(db, kind, missing);
  }
  metrics.lost.inc({ kind }, rows);
  if (rows > 0) log.warn({ kind, rows }, 'stored files are missing: pictures are made again, copies on request');
}

function* batchesOf(all: readonly string[]): Generator<string[]> {
  for (let start = 0; start < all.length; start += BATCH) yield all.slice(start, start + BATCH);
}
