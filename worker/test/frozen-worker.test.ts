import { expect, it } from 'vitest';
import { startTestWorker } from './test-worker.ts';

it('prints a notification twice if its worker is frozen between print and mark', async ({ onTestFinished }) => {
  const worker = await startTestWorker();
  onTestFinished(() => worker.close());
  const { uuid } = await worker.add('/right/h264.mp4');
  const [printed, thawed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  worker.pauseNotified = async () => {
    worker.pauseNotified = undefined;
    printed.resolve();
    await thawed.promise;
  };
  const frozen = worker.handle(uuid);
  await printed.promise;
  // The queue delivers the job of a frozen worker again.
  expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
  const marked = await worker.row(uuid);
  thawed.resolve();
  expect(await frozen).toEqual({ kind: 'done' });
  expect(worker.notified.map((notification) => notification.uuid)).toEqual([uuid, uuid]);
  // Recorded once, marked once.
  expect(marked).toMatchObject({ status: 'processed', attempts: 1, notifiedAt: expect.any(Date) });
  expect(await worker.row(uuid)).toEqual(marked);
});
