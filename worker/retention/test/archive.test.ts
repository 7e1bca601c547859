import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { readChain } from '#archive/chain.ts';
import { restoreFiles } from '#archive/restore.ts';
import { verifyArchive } from '#archive/verify.ts';
import { openFolder } from '#media/folder.ts';
import { openDatabase } from '#prisma/client.ts';
import { partsOf } from '#prisma/retention-rules.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createArchive } from '../archive.ts';
import { createRetentionMetrics } from '../metrics.ts';
import { createRun } from '../run.ts';

const never = new AbortController().signal;

async function openFixture() {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 6, onError: () => {} });
  const folder = mkdtempSync(join(tmpdir(), 'retention-archive-'));
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
    rmSync(folder, { recursive: true });
  });
  const registry = new Registry();
  const metrics = createRetentionMetrics(registry);
  const store = openFolder(folder, { variable: 'ARCHIVE_URL' });
  const archive = createArchive(db, { store, url: 'file:///archive' }, metrics.archive);
  const deps = {
    db,
    store: undefined,
    log: pino({ level: 'silent' }),
    metrics,
    archive,
    wholeDays: true,
    restoredDays: 7,
  };
  return {
    ...{ db, folder, store },
    /** Deletes what is older than two days. */
    run: () => createRun(deps)(async () => partsOf([], 2), never),
    /** Inserts failed alerts that were received at these times before the start of the day. */
    insert: (...ages: string[]) => db.$executeRaw`
      INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, failure_code, received_at, updated_at, notified_at)
      SELECT gen_random_uuid(), '/a.mp4', 'Store ' || n % 2, 1, 'r', 'failed', 'video_timeout',
        date_trunc('day', now(), 'UTC') - age::interval, now(), now()
      FROM unnest(${ages}::text[]) WITH ORDINALITY AS ages (age, n)`,
    metric: async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await registry.metrics())?.[1]),
  };
}

it('archives and deletes whole days', async () => {
  const { db, store, run, insert, metric } = await openFixture();
  await insert('47 hours', '48 hours', '48 hours 1 millisecond', '71 hours', '73 hours', '1000 days');
  expect(await run()).toBe(4);
  expect(await db.alert.count()).toBe(2);
  expect(await verifyArchive(store)).toMatchObject({ manifests: 1, files: 4, rows: 4, problems: [], leftovers: [] });
  expect(await metric('archive_rows_total')).toBe(4);
  expect(await metric('archive_last_success_timestamp_seconds')).toBeGreaterThan(0);
  expect(await run()).toBe(0);
});

it('deletes nothing while the archive cannot be written', async () => {
  const { db, folder, store, run, insert, metric } = await openFixture();
  await insert('49 hours', '50 hours');
  // A file where a folder must be: root may write to every folder.
  writeFileSync(join(folder, 'data'), '');
  await expect(run()).rejects.toThrow(/^cannot archive: /);
  expect(await metric('archive_failing')).toBe(1);
  expect(await db.alert.count()).toBe(2);
  rmSync(join(folder, 'data'));
  expect(await run()).toBe(2);
  expect(await metric('archive_failing')).toBe(0);
  expect(await verifyArchive(store)).toMatchObject({ rows: 2, problems: [], leftovers: [] });
});

it('keeps restored alerts for a while, and does not archive them again', async () => {
  const { db, store, run, insert } = await openFixture();
  await insert('49 hours', '50 hours', '80 hours');
  await run();
  const { number, files } = await readChain(store);
  expect(await restoreFiles(db, store, [...files.values()])).toEqual({ restored: 3, existing: 0 });
  expect(await run()).toBe(0);
  await db.$executeRaw`UPDATE archived_alerts SET restored_at = now() - interval '8 days'`;
  expect(await run()).toBe(3);
  expect((await readChain(store)).number).toBe(number);
});
