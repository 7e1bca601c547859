import { join } from 'node:path';
import { expect, it } from 'vitest';
import { block, startWatched } from './watched-fixture.ts';
import { openWorkerFixture } from './worker-fixture.ts';

const BLOCKED_ON_SIGNAL = join(import.meta.dirname, 'blocked-on-signal.ts');

it('ends a worker whose event loop is blocked; another one finishes its alerts', { timeout: 400_000 }, async (t) => {
  const { send, startWorker, ...stack } = await openWorkerFixture(t);
  const uuid = await send('/silent-once/h264.mp4');
  const env = { FETCH_TIMEOUT_MS: '600000' };
  const blocked = startWorker({ ...env, EVENT_LOOP_TIMEOUT_MS: '2000' }, ['--import', BLOCKED_ON_SIGNAL]);
  await stack.waitForRequest('/silent-once/');
  process.kill(blocked.pid, 'SIGWINCH');
  expect(await blocked.ended).toBe('SIGKILL');
  expect(blocked.lines.join('\n')).toContain(`"alerts":["${uuid}"],"msg":"event loop blocked: terminating the worker"`);
  const worker = startWorker(env);
  expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed', attempts: 2, crashes: 1 });
  expect(await worker.stop()).toBe('0');
});

it('lets a process run that was stopped for longer than the limit', async (test) => {
  const limitMs = 3_000;
  const watched = await startWatched(test, limitMs);
  watched.pause();
  await new Promise((resolve) => setTimeout(resolve, 2 * limitMs)); // the time itself is under test
  watched.resume();
  const until = performance.now() + 2 * limitMs;
  while (performance.now() < until) await block(watched, 10);
  expect(await watched.stop()).toBe('SIGTERM');
});
