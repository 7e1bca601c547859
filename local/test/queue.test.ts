import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { waitForQueue } from '../queue.ts';

const SOON = { noticeMs: 100, limitMs: 500 };

describe('waiting for the queue', () => {
  it('prints once that Redis is unavailable, and then fails with the same sentence, without the password', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const lines: string[] = [];
    const problem = `QUEUE_URL: Redis at ${host} is unavailable (connect ECONNREFUSED ${host}).`;
    await expect(waitForQueue(`redis://user:s3cret@${host}`, (line) => lines.push(line), SOON)).rejects.toThrow(
      `${problem} Gave up after 0.5 s.`,
    );
    // On a stalled machine the reason is not known yet.
    expect(lines).toEqual([
      expect.stringMatching(/^QUEUE_URL: Redis at 127\.0\.0\.1:\d+ is unavailable \(.+\)\. Trying for 0\.5 s\.$/),
    ]);
    expect(lines.join()).not.toContain('s3cret');
  });

  it('reports a peer that accepts connections and does not respond', async () => {
    const silent = createServer((socket) => onTestFinished(() => void socket.destroy())).listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await once(silent, 'listening');
    const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const lines: string[] = [];
    await expect(waitForQueue(`redis://${host}`, (line) => lines.push(line), SOON)).rejects.toThrow(`Redis at ${host}`);
    expect(lines).toEqual([`QUEUE_URL: Redis at ${host} is unavailable (no response). Trying for 0.5 s.`]);
  });

  it('does not wait for a queue on PostgreSQL, which the migration needs anyway', async () => {
    await waitForQueue('postgres://127.0.0.1:9/x', () => expect.unreachable());
  });

  it.skipIf(inject('redisUrl') === null)('continues when Redis starts, silently if it runs already', async () => {
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}`;
    const lines: string[] = [];
    const waiting = waitForQueue(url, (line) => lines.push(line), { noticeMs: 100, limitMs: 60_000 });
    await expect.poll(() => lines, { timeout: 150_000 }).toHaveLength(1);
    const redis = await startRedisServer({ port });
    onTestFinished(() => redis.stop());
    await waiting;
    await waitForQueue(url, () => expect.unreachable(), { noticeMs: 60_000 });
    expect(lines).toHaveLength(1);
  });
});
