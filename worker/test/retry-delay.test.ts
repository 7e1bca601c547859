import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startTestWorker();
});
afterAll(() => worker.close());

/** Returns the delay of the queue, and the one that the row shows. */
async function delays(video: string, number: number) {
  const { uuid } = await worker.add(video);
  const result = await worker.handle(uuid, { number });
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

it('the row shows a delay that grows with the number of deliveries', async () => {
  const { queued, shown } = await delays('/truncated/h264.mp4', 4);
  expect(shown).toBeGreaterThanOrEqual(6_000);
  expect(queued).toBe(shown);
});
