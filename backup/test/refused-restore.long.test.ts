import { createHash, randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { describeQueue } from '../after-restore.ts';
import { MANIFEST } from '../manifest.ts';
import { newBackupName } from '../place.ts';
import { backedUp, KEY, query, restoreInto, testDatabase } from './fixture.ts';

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

it('warns about jobs in the queue', async () => {
  const database = await createTestDatabase({ queue: true });
  expect(await describeQueue(database.url)).toBeUndefined();
  const queue = openAlertQueue(database.url, () => {});
  await queue.enqueue({ uuid: randomUUID(), requestId: 'r', store: 's' });
  await queue.close();
  expect(await describeQueue(database.url)).toContain('has 1 jobs of another database: empty it before the start');
  await database.drop();
  expect(await describeQueue(database.url)).toContain('cannot be read');
});
