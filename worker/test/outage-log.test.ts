import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTestWorker, type TestWorker } from './test-worker.ts';

const WARN = 40;

let worker: TestWorker;
beforeEach(async () => {
  worker = await startTestWorker({ maxAttempts: 1 });
});
afterEach(() => worker.close());

async function handle(...videos: string[]): Promise<void> {
  for (const video of videos) await worker.handle((await worker.add(video)).uuid);
}
const warnings = () => worker.logged.filter(({ level }) => level === WARN).map(({ msg }) => msg);

it('logs one line when an outage of the video server starts and one when it ends', async () => {
  const down = '/broken/h264.mp4';
  await handle(down, down, down, down, down, down);
  const started = 'video server outage started: alerts wait and are retried';
  expect(warnings().slice(2)).toEqual([started]);
  await handle('/right/h264.mp4', '/right/h264.mp4');
  expect(warnings().slice(2)).toEqual([started, 'video server outage ended']);
  expect(worker.logged.find(({ msg }) => msg === 'video server outage ended')).toMatchObject({
    source: 'default',
    failedAttempts: 6,
    seconds: expect.any(Number),
  });
});

it('does not take single failures for an outage', async () => {
  const [down, missing] = ['/broken/h264.mp4', '/missing/h264.mp4'];
  await handle(down, down, '/right/h264.mp4', down, down, missing, down, down);
  expect(warnings().filter((msg) => String(msg).includes('outage'))).toEqual([]);
});
