import type { ObjectStore } from '#media/objects.ts';
import { readArchiveHead, readArchiveRecords, saveArchiveHead } from '#prisma/archive-records.ts';
import type { Database } from '#prisma/client.ts';
import type { Candidate } from '#prisma/delete-alerts.ts';
import { type Chain, readChain, readOn } from './chain.ts';
import { addRows, removeAbandoned } from './write.ts';

type Archiver = {
  /**
   * Writes those of the alerts that are unchanged to the archive, and returns them once a manifest names their files. Throws if
   * a file cannot be written, if the archive is damaged, or at the signal. A restored alert is in the archive already.
   */
  archive(candidates: readonly Candidate[], signal?: AbortSignal): Promise<Candidate[]>;
};

/** `onWritten` gets the number of rows that were added to the archive. One call of `archive` at a time. */
type Options = { db: Database; store: ObjectStore; url: string; onWritten?: (rows: number) => void };

/** Returns the writer of the archive at this URL. It reads all manifests once, and then only new ones. */
export function openArchiver({ db, store, url, onWritten = () => {} }: Options): Archiver {
  let chain: Chain | undefined;
  const currentChain = async (): Promise<Chain> => {
    if (chain === undefined) {
      // Its error says what to do; it also deletes what killed processes have not finished.
      await store.check();
      await removeAbandoned();
      return readChain(store, { head: await readArchiveHead(db, url) });
    }
    await readOn(store, chain);
    return chain;
  };
  return {
    async archive(candidates, signal) {
      const records = await readArchiveRecords(db, candidates);
      const rows = records.filter(({ restored }) => !restored);
      if (rows.length > 0) {
        const current = await currentChain();
        // After an error it is read again.
        chain = undefined;
        await addRows(store, current, rows, { signal });
        chain = current;
        const { number, sha256 } = current;
        if (sha256 !== null) await saveArchiveHead(db, url, { number, sha256 });
        onWritten(rows.length);
      }
      return records.map(({ id, updatedAt }) => ({ id, updatedAt }));
    },
  };
}
