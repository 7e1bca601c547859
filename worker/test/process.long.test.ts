import { describe, expect, inject, it, vi } from 'vitest';
import { startProcess } from '#test/harness/process.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { FIXTURES, openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

const TIMEOUT = 400_000;
const SLOW_FETCH = { FETCH_TIMEOUT_MS: '600000' };

// Concurrent: these tests mostly wait, for locks that expire and for delays.
describe.concurrent('a worker process on postgres', () => workerProcess('postgres'));
describe.skipIf(inject('redisUrl') === null)('a worker process on redis', { concurrent: true }, () =>
  workerProcess('redis'),
);

function workerProcess(backend: 'postgres' | 'redis') {
  it('finishes an alert once after its first worker was killed during the attempt', { timeout: TIMEOUT }, async (t) => {
    const { send, startWorker, row, ...stack } = await openWorkerFixture(t, backend);
    const uuid = await send('/silent-once/h264.mp4');
    const first = startWorker(SLOW_FETCH);
    await stack.waitForRequest('/silent-once/');
    expect(await first.kill()).toBe('SIGKILL');
    expect(await row(uuid)).toMatchObject({ status: 'processing', attempts: 1 });
    const second = startWorker(SLOW_FETCH);
    const alert = await stack.waitUntilNotified(uuid);
    expect(alert).toMatchObject({ status: 'processed', resolution: '320x180', attempts: 2 });
    expect(await second.stop()).toBe('0');
    expect(stack.notifications(uuid)).toHaveLength(1);
  });

  it('releases its attempt on SIGTERM without using it up', { timeout: TIMEOUT }, async (t) => {
    const { send, startWorker, row, ...stack } = await openWorkerFixture(t, backend);
    const uuid = await send('/silent/h264.mp4');
    const worker = startWorker(SLOW_FETCH);
    await stack.waitForRequest('/silent/');
    expect(await worker.stop()).toBe('0');
    expect(await row(uuid)).toMatchObject({ status: 'pending', attempts: 0 });
    expect(stack.notifications(uuid)).toEqual([]);
  });

  it('retries an unreachable video server with growing delays', { timeout: TIMEOUT }, async (t) => {
    const { videos, send, startWorker, waitUntilNotified } = await openWorkerFixture(t, backend);
    const worker = startWorker(SLOW_FETCH);
    await videos.close();
    const uuid = await send('/right/vp9.webm');
    const retries = () =>
      worker.lines.flatMap((line) => {
        const { alert, time, msg } = line.startsWith('{') ? JSON.parse(line) : {};
        return alert === uuid && msg === 'attempt failed, will retry' ? [time] : [];
      });
    await vi.waitFor(() => expect(retries().length).toBeGreaterThanOrEqual(3), PATIENTLY);
    const restarted = await startVideoServer({ root: FIXTURES, port: Number(new URL(videos.origin).port) });
    t.onTestFinished(restarted.close);
    expect(await waitUntilNotified(uuid)).toMatchObject({ status: 'processed', container: 'webm' });
    const [first, second, third] = retries();
    // 1 s and 2 s, each up to a quarter shorter.
    expect(second - first).toBeGreaterThanOrEqual(700);
    expect(third - second).toBeGreaterThanOrEqual(1_450);
  });
}

describe('a worker that cannot start', () => {
  const start = (env: Record<string, string>) => startProcess({ name: 'worker', entry: 'worker/index.ts', env });

  it('names every invalid variable at once and no values', { timeout: TIMEOUT }, async () => {
    const worker = start({
      DATABASE_URL: 'mysql://u:hush@h/d',
      WORKER_CONCURRENCY: '0',
      MAX_ATTEMPTS: 'x',
      TZ: 'Mars',
    });
    expect(await worker.ended).toBe('1');
    const output = worker.lines.join('\n');
    for (const name of ['DATABASE_URL', 'WORKER_CONCURRENCY', 'MAX_ATTEMPTS', 'TZ']) {
      expect(output).toContain(`${name}:`);
    }
    expect(output).not.toContain('hush');
  });

  it('says what to do about a database without migrations', { timeout: TIMEOUT }, async ({ onTestFinished }) => {
    const empty = await createTestDatabase({ empty: true });
    onTestFinished(empty.drop);
    const worker = start({ DATABASE_URL: empty.url });
    expect(await worker.ended).toBe('1');
    expect(worker.lines.join('\n')).toMatch(/^The worker cannot start: .+npm run migrate/m);
  });
});
