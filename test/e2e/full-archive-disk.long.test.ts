import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { openConfiguredArchive } from '#archive/store.ts';
import { verifyArchive } from '#archive/verify.ts';
import { mountSmallDisk } from '#test/harness/small-disk.ts';
import { createStack, type Stack } from '#test/harness/stack.ts';

/** Retention runs once a minute. */
const POLL = { timeout: 400_000, interval: 500 };
const FULL = 'the disk of the folder of ARCHIVE_URL is full: free space';
const OLD_ALERTS = 500;

const disk = mountSmallDisk(16);
afterAll(() => disk?.unmount());

describe.skipIf(!disk)('a full disk of the archive', { timeout: 900_000 }, () => {
  it('stops deleting until there is space; alerts are not affected', async () => {
    const ARCHIVE_URL = pathToFileURL(join(disk?.folder ?? '', 'archive')).href;
    const stack = await createStack({ env: { ARCHIVE_URL, RETENTION_DAYS: '1', PICTURES: 'off' } });
    onTestFinished(stack.close);
    const old = await openOldAlerts(stack);
    disk?.fill();
    await stack.start();
    await expect.poll(() => metricsOf(stack), POLL).toMatch(/^retention_failing 1$/m);
    expect(await metricsOf(stack)).toMatch(/^disk_full\{disk="archive"\} 1$/m);
    expect(await archiveDisk(stack)).toEqual([200, 'degraded', FULL]);
    expect(await stack.waitUntilNotified(await stack.post())).toMatchObject({ status: 'processed' });
    expect(await old()).toBe(OLD_ALERTS);

    disk?.release();
    await expect.poll(old, POLL).toBe(0);
    await expect.poll(() => metricsOf(stack), POLL).toMatch(/^retention_failing 0$/m);
    expect(await archiveDisk(stack)).toEqual([200, 'ready', 'ok']);
    const store = openConfiguredArchive({ ARCHIVE_URL }, {}) ?? expect.fail('no archive');
    expect(await verifyArchive(store)).toMatchObject({ rows: OLD_ALERTS, problems: [] });
  });
});

/** Inserts alerts that are due. Returns a function that counts those that are left. */
async function openOldAlerts({ databaseUrl }: Stack): Promise<() => Promise<number>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(
    `INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, notified_at)
     SELECT gen_random_uuid(), '/old.mp4', 's', 1, 'r', 'processed', now() - interval '9 days', now()
     FROM generate_series(1, ${OLD_ALERTS})`,
  );
  return async () => (await client.query(`SELECT count(*)::int AS n FROM alerts WHERE video = '/old.mp4'`)).rows[0].n;
}

async function metricsOf({ opsUrl }: Stack): Promise<string> {
  return (await fetch(`${opsUrl}/metrics`)).text();
}

async function archiveDisk({ opsUrl }: Stack): Promise<unknown[]> {
  const response = await fetch(`${opsUrl}/readyz`);
  const { status, checks } = Object(await response.json());
  return [response.status, status, checks.archive_disk];
}
