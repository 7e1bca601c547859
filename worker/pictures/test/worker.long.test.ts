import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import type { Database } from '#prisma/client.ts';
import { addDestination, openReceiver } from '../../deliveries/test/delivery-fixture.ts';
import { openWorkerFixture } from '../../test/worker-fixture.ts';
import { testDecoder } from './pictures.ts';

const SOON = { timeout: 120_000, interval: 50 };
const OPTIONS = { timeout: 400_000 };
const secretsKey = randomBytes(32);
const decoder = await testDecoder();

async function mediaEnv() {
  const folder = await mkdtemp(join(tmpdir(), 'media-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const SECRETS_KEY = secretsKey.toString('base64');
  const FFMPEG_PATH = decoder?.ffmpegPath ?? '';
  return { FFMPEG_PATH, MEDIA_URL: pathToFileURL(folder).href, SECRETS_KEY, DESTINATION_ALLOW_CIDRS: '127.0.0.0/8' };
}

const picturesOf = (db: Database) => db.picture.findMany({ orderBy: { alertId: 'asc' } });

describe.each([
  ['postgres', decoder === undefined],
  ['redis', decoder === undefined || inject('redisUrl') === null],
] as const)('a worker process with the queue on %s', (backend, missing) => {
  it.skipIf(missing)('sends each message with the picture, or after two seconds', OPTIONS, async (t) => {
    const { db, send, startWorker } = await openWorkerFixture(t, backend);
    const receiver = await openReceiver(t);
    const { id } = await addDestination({ db, secretsKey }, receiver.url, { waitForPicture: true });
    startWorker({ ...(await mediaEnv()), PUBLIC_URL: 'http://127.0.0.1:8000' });
    for (let n = 1; n <= 40; n += 1) {
      await send(n % 10 === 0 ? '/right/audio-only.mp4' : n % 2 === 0 ? '/right/h264.mp4' : '/right/h264.avi');
      await expect.poll(() => receiver.received.length, SOON).toBe(n);
    }
    const deliveries = await db.delivery.findMany({ where: { destinationId: id } });
    expect(deliveries).toHaveLength(40);
    const processed = receiver.received.filter(({ body }) => body.type === 'alert.processed');
    expect(processed).toHaveLength(36);
    const unfinished = processed.filter(({ body }) => pictureOf(body).status !== 'ready');
    expect(unfinished.filter(({ body }) => pictureOf(body).status === 'none')).toEqual([]);
    for (const { id, at } of unfinished) {
      const { createdAt } = deliveries.find((delivery) => delivery.id === id) ?? expect.unreachable();
      expect(at - createdAt.getTime()).toBeGreaterThanOrEqual(2_000);
    }
    for (const { body } of processed.filter(({ body }) => pictureOf(body).status === 'ready')) {
      expect(pictureOf(body).url).toMatch(/^http:\/\/127\.0\.0\.1:8000\/media\/picture\//);
    }
    process.stdout.write(
      `${processed.length - unfinished.length} of ${processed.length} messages have their picture\n`,
    );
  });

  it.skipIf(missing)('is killed during a picture: another one makes it after the lease', OPTIONS, async (t) => {
    const { db, send, startWorker, waitUntilNotified } = await openWorkerFixture(t, backend);
    const env = await mediaEnv();
    const first = startWorker(env);
    const uuid = await send('/right/h264.mp4');
    await waitUntilNotified(uuid);
    await expect.poll(() => picturesOf(db), { ...SOON, interval: 5 }).toMatchObject([{ attempts: 1 }]);
    await first.kill();
    // As if the worker had been killed during the attempt, in case it was faster.
    await db.picture.updateMany({ data: { status: 'pending', sha256: null, finishedAt: null } });
    startWorker(env);
    await expect.poll(() => picturesOf(db), SOON).toMatchObject([{ status: 'ready', attempts: 2 }]);
  });

  it.skipIf(missing)('without ffmpeg, or with PICTURES=off, records the result as always', OPTIONS, async (t) => {
    const { db, send, startWorker, waitUntilNotified } = await openWorkerFixture(t, backend);
    const env = await mediaEnv();
    const worker = startWorker({ ...env, FFMPEG_PATH: '/missing/ffmpeg' });
    expect(await waitUntilNotified(await send('/right/h264.mp4'))).toMatchObject({ status: 'processed' });
    expect(await picturesOf(db)).toMatchObject([{ status: 'none', reason: 'no_decoder', attempts: 0 }]);
    await worker.stop();
    startWorker({ ...env, PICTURES: 'off' });
    expect(await waitUntilNotified(await send('/right/h264.mp4'))).toMatchObject({ status: 'processed' });
    expect(await picturesOf(db)).toHaveLength(1);
  });
});

function pictureOf(body: Record<string, unknown>): { status?: string; url?: string } {
  return Object(Object(body.data).picture);
}
