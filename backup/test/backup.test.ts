import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MANIFEST } from '../manifest.ts';
import { newBackupName } from '../place.ts';
import { pruneBackups } from '../prune.ts';
import { backUp, fill, KEY, openTestPlace, query, restoreInto, temporaryFolder, testDatabase } from './fixture.ts';

async function backedUp() {
  const url = await testDatabase();
  await fill(url);
  const folder = await temporaryFolder();
  const place = openTestPlace(folder);
  const name = await backUp(url, place);
  return { url, folder, place, name };
}

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

it('restores only into an empty database that nobody uses', async () => {
  const { url, place } = await backedUp();
  await expect(restoreInto(url, place)).rejects.toThrow(
    'the database is not empty: alerts has rows. Create another database',
  );
  const migrated = await testDatabase();
  await restoreInto(migrated, place);
  expect(await query(migrated, 'SELECT count(*)::int FROM alerts')).toEqual([{ count: 200 }]);
});

it('refuses a damaged, changed, newer or unfinished backup, and then leaves the database empty', async () => {
  const { folder, place, name } = await backedUp();
  const target = await testDatabase({ empty: true });
  const file = join(folder, name, 'alerts.copy.gz');
  const intact = await readFile(file);
  await appendFile(file, 'x');
  await expect(restoreInto(target, place)).rejects.toThrow('alerts.copy.gz has other content than when it was written');
  await writeFile(file, intact);

  const manifest = join(folder, name, MANIFEST);
  const text = await readFile(manifest, 'utf8');
  const change = async (edit: (manifest: Record<string, unknown>) => void, seal = true) => {
    const { checksum, ...rest } = JSON.parse(text);
    edit(rest);
    const next = seal ? createHash('sha256').update(JSON.stringify(rest)).digest('hex') : checksum;
    await writeFile(manifest, JSON.stringify({ ...rest, checksum: next }));
  };
  await change((each) => Object.assign(each, { created_at: '2026-01-01T00:00:00Z' }), false);
  await expect(restoreInto(target, place)).rejects.toThrow('was changed: use another backup');
  await change((each) => Object.assign(each, { migrations: [{ name: '29990101000000_future', checksum: '' }] }));
  await expect(restoreInto(target, place)).rejects.toThrow(
    'by a newer version of this program (29990101000000_future)',
  );
  // A difference between the rows and the manifest ends the restore after all rows were loaded.
  await change((each) => {
    const tables = each.tables as { name: string; fingerprint: string }[];
    for (const table of tables) if (table.name === 'alerts') table.fingerprint = '1';
  });
  await expect(restoreInto(target, place)).rejects.toThrow('alerts has other contents');
  expect(await query(target, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")).toEqual([]);

  await rm(manifest);
  await mkdir(join(folder, `.unfinished-${newBackupName()}`));
  await expect(restoreInto(target, place)).rejects.toThrow('there is no complete backup');
});

it('leaves nothing that looks like a backup if it fails', async () => {
  const url = await testDatabase({ empty: true });
  const folder = await temporaryFolder();
  await expect(backUp(url, openTestPlace(folder))).rejects.toThrow('this database has no migrations');
  expect(await readdir(folder)).toEqual([]);
});

it('names the destinations whose secrets need another key', async () => {
  const { place } = await backedUp();
  const needed = createHash('sha256').update(KEY).digest('hex').slice(0, 16);
  const without = await restoreInto(await testDatabase({ empty: true }), place, { secretsKey: undefined });
  expect(without.problems).toEqual([
    `the destination shop needs the SECRETS_KEY ${needed}, and SECRETS_KEY is not set`,
  ]);
  const other = await restoreInto(await testDatabase({ empty: true }), place, { secretsKey: Buffer.alloc(32, 8) });
  expect(other.problems).toEqual([expect.stringContaining(`sealed with the key ${needed}`)]);
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
