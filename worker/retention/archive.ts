import { openArchiver } from '#archive/archiver.ts';
import type { ObjectStore } from '#media/objects.ts';
import type { Database } from '#prisma/client.ts';
import type { RetentionMetrics } from './metrics.ts';
import type { Archive } from './run.ts';

/** Alerts could not be archived, and so are not deleted. */
class ArchiveError extends Error {
  constructor(cause: unknown) {
    super(`cannot archive: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ArchiveError';
  }
}

/** Returns the function that archives what is due in the files of ARCHIVE_URL. */
export function createArchive(
  db: Database,
  { store, url }: { store: ObjectStore; url: string },
  metrics: RetentionMetrics['archive'],
): Archive {
  const onWritten = (rows: number) => {
    metrics.rows.inc(rows);
    metrics.lastSuccess.setToCurrentTime();
  };
  const archiver = openArchiver({ db, store, url, onWritten });
  return async (due, signal) => {
    try {
      const confirmed = await archiver.archive(due, signal);
      metrics.failing.set(0);
      return confirmed;
    } catch (error) {
      if (signal.aborted) throw error;
      metrics.failing.set(1);
      throw new ArchiveError(error);
    }
  };
}
