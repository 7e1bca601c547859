import { join } from 'node:path';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { startRedisServer } from '#test/harness/redis.ts';
import { mountSmallDisk } from '#test/harness/small-disk.ts';
import { startStack } from '#test/harness/stack.ts';

const POLL = { timeout: 300_000, interval: 200 };
/** A job is about 1 kB in the append-only file. */
const MAX_ALERTS = 20_000;

const command = inject('redisCommand');
const disk = command === null ? undefined : mountSmallDisk(8);
afterAll(() => disk?.unmount());

describe.skipIf(!disk)('a full disk of the queue', { timeout: 900_000 }, () => {
  it('defers new alerts, which are processed once Redis can write again', async () => {
    const folder = join(disk?.folder ?? '', 'redis');
    const redis = await startRedisServer({ folder, fsync: 'everysec', command: command ?? undefined });
    onTestFinished(redis.stop);
    const stack = await startStack({ backend: 'redis', redis, env: { PICTURES: 'off' } });
    onTestFinished(async () => {
      await stack.close();
      disk?.release();
    });
    const uuids = [await stack.post()];
    await stack.waitUntilNotified(uuids[0] ?? '');
    disk?.fill();
    const readyz = async () => {
      const response = await stack.request('/readyz');
      const { status, checks } = (await response.json()) as { status: string; checks: Record<string, string> };
      return [response.status, status, checks.queue];
    };
    // Redis accepts writes until it cannot write them to its file.
    await expect
      .poll(async () => {
        if (uuids.length < MAX_ALERTS) uuids.push(await stack.post());
        return readyz();
      }, POLL)
      .toEqual([200, 'degraded', expect.stringContaining('queue')]);
    uuids.push(await stack.post());

    disk?.release();
    await expect.poll(readyz, POLL).toEqual([200, 'ready', 'ok']);
    for (const uuid of uuids) expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
  });
});
