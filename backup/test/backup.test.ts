import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { pruneBackups } from '../prune.ts';
import { backedUp, backUp, fill, openTestPlace, query, restoreInto, temporaryFolder, testDatabase } from './fixture.ts';

const COMPARED = 'SELECT uuid, store, video, timestamp, resolution, claims, notified_at FROM alerts ORDER BY id';

it('restores every row, ends attempts and logins, and leaves no event in the future', async () => {
  const { url, place } = await backedUp();
  const target = await testDatabase({ empty: true });
  const report = await restoreInto(target, place);
  expect(report).toMatchObject({ released: { alerts: 20, sessions: 1 }, migrated: [], problems: [] });
  expect(await query(target, COMPARED)).toEqual(await query(url, COMPARED));
  expect(await query(target, 'SELECT DISTINCT change_xid::text FROM alerts')).toEqual([{ change_xid: '1' }]);
  expect(await query(target, 'SELECT status, attempts, count(*)::int FROM alerts GROUP BY 1, 2 ORDER BY 1, 2')).toEqual(
    [
      { status: 'pending', attempts: 1, count: 20 },
      { status: 'pending', attempts: 2, count: 20 },
      { status: 'processed', attempts: 2, count: 160 },
    ],
  );
  expect(await query(target, 'SELECT DISTINCT crashes FROM pictures')).toEqual([{ crashes: 0 }]);
  // The chain of the audit log continues: its trigger did not number the restored entries again.
  const log = 'SELECT id::text, hash, details::text FROM audit_log ORDER BY id';
  expect(await query(target, log)).toEqual(await query(url, log));
  // New rows get new ids, and triggers and indexes are those of the migrations.
  await query(
    target,
    "INSERT INTO alerts (uuid, video, store, timestamp, request_id) VALUES (gen_random_uuid(), 'v', 's', 1, 'r')",
  );
  const indexes =
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1";
  expect(await query(target, indexes)).toEqual(await query(url, indexes));
  const triggers =
    'SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2';
  expect(await query(target, triggers)).toEqual(await query(url, triggers));
});

it('leaves nothing that looks like a backup if it fails', async () => {
  const url = await testDatabase({ empty: true });
  const folder = await temporaryFolder();
  await expect(backUp(url, openTestPlace(folder))).rejects.toThrow('this database has no migrations');
  expect(await readdir(folder)).toEqual([]);
});

it('keeps the newest backups', async () => {
  const { url, folder, place, name } = await backedUp();
  const names = [name, await backUp(url, place), await backUp(url, place)];
  expect(await place.list()).toEqual(names);
  expect(await pruneBackups(place, 2)).toEqual([name]);
  expect(await readdir(folder)).toEqual(names.slice(1));
});

it('does not delay the event feed while it runs', async () => {
  const url = await testDatabase();
  await fill(url);
  const seen: unknown[] = [];
  const print = async () =>
    void seen.push(
      ...(await query(
        url,
        "SELECT backend_xid FROM pg_stat_activity WHERE application_name = 'backup' AND datname = current_database()",
      )),
    );
  const pending: Promise<void>[] = [];
  await backUp(url, openTestPlace(await temporaryFolder()), { print: () => void pending.push(print()) });
  await Promise.all(pending);
  expect(seen.filter((row) => (row as { backend_xid: unknown }).backend_xid !== null)).toEqual([]);
});
