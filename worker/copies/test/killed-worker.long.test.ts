import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openMediaStore } from '#media/store.ts';
import { requestCopy } from '#prisma/copies.ts';
import { openWorkerFixture } from '../../test/worker-fixture.ts';
import { converter, SOON } from './copy-fixture.ts';

const OPTIONS = { timeout: 400_000 };

/** Opens a folder for copies and the environment of workers that use it. */
async function openFolder({ onTestFinished }: { onTestFinished(close: () => unknown): void }) {
  const folder = await mkdtemp(join(tmpdir(), 'copies-of-workers-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const MEDIA_URL = pathToFileURL(join(folder, 'media')).href;
  const temporaryFolder = join(folder, 'media/tmp');
  // Test processes have no PATH.
  const FFMPEG_PATH = 'missing' in converter ? '' : converter.ffmpegPath;
  return { env: { MEDIA_URL, FFMPEG_PATH }, store: openMediaStore(MEDIA_URL, { sources: new Map() }), temporaryFolder };
}

describe.skipIf('missing' in converter)('a worker process', OPTIONS, () => {
  it('is killed during a copy: another one makes it after the lease', async (t) => {
    const { env, store, temporaryFolder } = await openFolder(t);
    const { db, send, startWorker, waitForRequest, waitUntilNotified } = await openWorkerFixture(t);
    const first = startWorker({ ...env, FETCH_TIMEOUT_MS: '600000' });
    const alert = await waitUntilNotified(await send('/right/h264.avi'));
    await db.alert.update({ where: { id: alert.id }, data: { video: '/silent-once/h264.avi' } });
    await requestCopy(db, alert.id);
    await waitForRequest('/silent-once/');
    await first.kill();
    expect(await readdir(temporaryFolder)).toHaveLength(1);
    startWorker(env);
    const copyOf = () => db.copy.findUniqueOrThrow({ where: { alertId: alert.id } });
    await expect.poll(copyOf, SOON).toMatchObject({ status: 'ready', attempts: 2 });
    const { sha256, bytes } = await copyOf();
    expect(await store.size('copy', Buffer.from(sha256 ?? []).toString('hex'))).toBe(Number(bytes));
  });

  it('processes alerts while it makes a copy, and releases the copy when it stops', async (t) => {
    const { env, temporaryFolder } = await openFolder(t);
    const { db, send, startWorker, waitForRequest, waitUntilNotified } = await openWorkerFixture(t);
    const worker = startWorker({ ...env, FETCH_TIMEOUT_MS: '600000', WORKER_CONCURRENCY: '1' });
    const alert = await waitUntilNotified(await send('/right/h264.avi'));
    await db.alert.update({ where: { id: alert.id }, data: { video: '/silent/h264.avi' } });
    await requestCopy(db, alert.id);
    await waitForRequest('/silent/');
    for (let n = 0; n < 3; n += 1)
      expect(await waitUntilNotified(await send('/right/h264.mp4'))).toMatchObject({ status: 'processed' });
    const copyOf = () => db.copy.findUniqueOrThrow({ where: { alertId: alert.id } });
    expect(await copyOf()).toMatchObject({ status: 'pending', attempts: 1 });
    expect(await worker.stop()).toBe('0');
    expect(await copyOf()).toMatchObject({ status: 'pending', attempts: 1, attemptsBefore: 1 });
    expect(await readdir(temporaryFolder)).toEqual([]);
  });
});
