import { expect, it, vi } from 'vitest';
import { openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

const CRASHES = 3;

it('fails a video that crashes its worker, and no other alert with it', { timeout: 600_000 }, async (t) => {
  const { videos, send, startWorker, row, ...stack } = await openWorkerFixture(t);
  const env = { MAX_CRASHES: `${CRASHES}`, FETCH_TIMEOUT_MS: '600000' };
  // Their responses are late, so that they are in progress whenever the other video crashes the worker.
  const innocent = await Promise.all(Array.from({ length: 5 }, () => send('/late/h264.mp4')));
  const poison = await send('/silent/h264.mp4');
  const poisonRequests = () => videos.requests.filter(({ path }) => path.startsWith('/silent/')).length;
  let worker = startWorker(env);
  for (let crash = 1; crash <= CRASHES; crash += 1) {
    await vi.waitFor(() => expect(poisonRequests()).toBe(crash), PATIENTLY);
    await worker.kill();
    worker = startWorker(env);
  }
  expect(await stack.waitUntilNotified(poison)).toMatchObject({ status: 'failed', failureCode: 'worker_crashed' });
  expect(poisonRequests()).toBe(CRASHES);
  for (const uuid of innocent) {
    const alert = await stack.waitUntilNotified(uuid);
    expect(alert).toMatchObject({ status: 'processed', resolution: '320x180' });
    // The quarantine begins at the second crash. Without it every crash would cost each of them an attempt.
    expect(alert.attempts).toBeLessThanOrEqual(3);
  }
  expect(await worker.stop()).toBe('0');
});
