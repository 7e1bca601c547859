import { expect, it, onTestFinished } from 'vitest';
import { startTestWorker } from './test-worker.ts';

// As on a full disk: claims succeed, because they fit into the pages in memory, and every other write fails.
const REJECT_WRITES = `
  CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`;
const ON_RESULTS = `CREATE TRIGGER reject BEFORE UPDATE ON alerts FOR EACH ROW
  WHEN (NEW.status <> 'processing') EXECUTE FUNCTION reject()`;

it('an alert whose result and release cannot be written is not reported as crashed', async () => {
  const worker = await startTestWorker();
  onTestFinished(() => worker.close());
  const { uuid } = await worker.add('/right/h264.mp4');
  await worker.db.$executeRawUnsafe(REJECT_WRITES);
  await worker.db.$executeRawUnsafe(ON_RESULTS);
  for (let delivery = 1; delivery <= 8; delivery += 1) {
    await expect(worker.handle(uuid)).rejects.toThrow('the disk of the database is full');
  }
  expect((await worker.row(uuid)).crashes).toBe(7);
  await worker.db.$executeRawUnsafe('DROP TRIGGER reject ON alerts');
  expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
  expect(await worker.row(uuid)).toMatchObject({ status: 'processed', failureCode: null });
  expect(worker.notified).toMatchObject([{ uuid, outcome: { resolution: '320x180' } }]);
});
