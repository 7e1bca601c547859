import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startTestWorker({ maxAttempts: 1_000 });
});
afterAll(() => worker.close());

/** Returns the delay of the queue, and the one that the row shows. */
async function delays(video: string, attempt: number) {
  const { uuid } = await worker.add(video);
  await worker.db.$executeRaw`UPDATE alerts SET attempts = ${attempt - 1} WHERE uuid = ${uuid}::uuid`;
  const result = await worker.handle(uuid);
  const row = await worker.row(uuid);
  expect(row.lastError).toMatch(/^video_server_(error|unreachable): /);
  return {
    queued: result.kind === 'retry' && result.delayMs,
    shown: Number(row.nextAttemptAt) - Number(row.lastErrorAt),
  };
}

it('the row shows the cause and the delay that the video server requested', async () => {
  expect(await delays('/throttled/h264.mp4', 1)).toEqual({ queued: 7_000, shown: 7_000 });
});

it('the row shows a delay that grows with the number of attempts', async () => {
  const { queued, shown } = await delays('/truncated/h264.mp4', 4);
  expect(shown).toBeGreaterThanOrEqual(6_000);
  expect(queued).toBe(shown);
});

it('a job waits for at most ten minutes after an attempt', async () => {
  const { queued } = await delays('/truncated/h264.mp4', 50);
  expect(queued).toBeGreaterThanOrEqual(450_000);
  expect(queued).toBeLessThanOrEqual(600_000);
});
