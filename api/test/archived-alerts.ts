import { readArchiveRecords, restoreRecords } from '#prisma/archive-records.ts';
import type { Database } from '#prisma/client.ts';
import { deleteFinished } from '#prisma/delete-alerts.ts';

/** Deletes alerts that are final and notified, and restores them as `npm run archive -- restore` does. Returns their number. */
export async function archiveAndRestore(db: Database, uuids: string[]): Promise<number> {
  const candidates = await db.alert.findMany({
    where: { uuid: { in: uuids } },
    select: { id: true, updatedAt: true },
  });
  const records = await readArchiveRecords(db, candidates);
  await deleteFinished(db, candidates);
  return restoreRecords(
    db,
    records.map(({ line }) => line),
    'data/2026-11-27/test-store.ndjson.gz',
  );
}
