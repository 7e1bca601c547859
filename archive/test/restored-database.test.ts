import { expect, it, onTestFinished } from 'vitest';
import { backUp, openTestPlace, restoreInto, temporaryFolder, testDatabase } from '#backup/test/fixture.ts';
import { addPending, claim, markNotified } from '#prisma/alerts.ts';
import { readArchiveHead } from '#prisma/archive-records.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { finish } from '#prisma/test/delivery-fixture.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { readChain } from '../chain.ts';
import { restoreFiles } from '../restore.ts';
import { verifyArchive } from '../verify.ts';
import { linesOf, openFolderArchive, pathsOf } from './archive-fixture.ts';
import { archiveAll, openFixture } from './archived-alerts.ts';

async function finished(db: Database, options: Parameters<typeof finish>[1]): Promise<string> {
  const { uuid, lease } = await finish(db, options);
  await markNotified(db, lease);
  return uuid;
}

const backlog = (uuid: string) => ({ uuid, video: '/a.mp4', store: 'store-1', timestamp: 1, requestId: 'r' });

/** Returns an archive with two manifests that are later than the backup, and the database that was restored from it. */
async function restoredBehindArchive() {
  const fixture = await openFixture();
  const { db } = fixture;
  const archive = openFolderArchive();
  const before = await finished(db, {});
  await archiveAll(fixture, archive);
  const same = await finished(db, {});
  const retried = await finished(db, { failure: 'video_not_found' });
  const unfinished = '35df2857-3a48-4985-aed0-e68b5ae4c968';
  await addPending(db, backlog(unfinished));
  const place = openTestPlace(await temporaryFolder());
  await backUp(fixture.url, place);

  await finished(db, { uuid: retried });
  const { kind } = await claim(db, unfinished);
  expect(kind).toBe('claimed');
  await db.$executeRaw`UPDATE alerts SET status = 'failed', failure_code = 'video_timeout', notified_at = now(), updated_at = now()
    WHERE status = 'processing'`;
  await archiveAll(fixture, archive);
  const after = await finished(db, {});
  await archiveAll(fixture, archive);
  expect(await db.alert.count()).toBe(0);

  const url = await testDatabase({ empty: true });
  await restoreInto(url, place);
  const restored = openDatabase(url, { poolSize: 4, onError: () => {} });
  onTestFinished(() => restored.$disconnect());
  return { archive, url, db: restored, uuids: { before, same, retried, unfinished, after } };
}

it('is behind the archive after a restore: nothing of the archive is lost or replaced by an older state', async () => {
  const { archive, url, db, uuids } = await restoredBehindArchive();
  const { store, env } = archive;
  expect((await readArchiveHead(db, env.ARCHIVE_URL))?.number).toBe(1);
  const archived = await linesOf(store, await readChain(store));
  expect(new Set(archived.keys())).toEqual(new Set(Object.values(uuids)));
  const verify = () => runCommand('archive/cli.ts', ['verify'], { ...env, DATABASE_URL: url });
  const first = await verify();
  expect(first).toMatchObject({ code: 0, err: '' });
  expect(first.out).toContain('3 manifests, 1 files, 5 alerts: no problems\n');
  expect(first.out).toMatch(/note {5}the archive has 3 manifests, and the database knows 1: .*restored from a backup/);

  // Alerts that are in both, before and after the unfinished one has a result again.
  expect((await archiveAll({ db }, archive)).uuids.toSorted()).toEqual([uuids.same, uuids.retried].toSorted());
  await finished(db, { uuid: uuids.unfinished });
  expect((await archiveAll({ db }, archive)).uuids).toEqual([uuids.unfinished]);
  expect(await db.alert.count()).toBe(0);

  const now = await linesOf(store, await readChain(store));
  const { unfinished, ...others } = uuids;
  for (const uuid of Object.values(others)) expect(now.get(uuid)).toBe(archived.get(uuid));
  const statusOf = (line = '{}') => JSON.parse(line).alert.status;
  expect(statusOf(now.get(uuids.retried))).toBe('processed');
  expect([statusOf(archived.get(unfinished)), statusOf(now.get(unfinished))]).toEqual(['failed', 'processed']);
  expect(await verifyArchive(store, { head: await readArchiveHead(db, env.ARCHIVE_URL) })).toEqual({
    ...{ manifests: 4, files: 1, rows: 5, problems: [], leftovers: [] },
  });
  expect(await pathsOf(store)).toHaveLength(5);
  const files = [...(await readChain(store)).files.values()];
  expect(await restoreFiles(db, store, files)).toEqual({ restored: 5, existing: 0 });
});
