import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import type { TestContext } from 'vitest';
import { type MediaStore, openMediaStore } from '#media/store.ts';
import { addPending, claim, findAlert } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { claimPictures } from '#prisma/pictures.ts';
import { withRelated } from '#prisma/related-reads.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { processAlert } from '../../process-alert.ts';
import { FIXTURES } from '../../test/worker-fixture.ts';
import { createVideoReader } from '../../video/http/range-reader.ts';
import { probe } from '../../video/probe.ts';
import { videoUrl } from '../../video/sources.ts';
import type { OpenVideo } from '../../video/types.ts';
import { createPictureMetrics } from '../metrics.ts';
import { createRunner, type RunnerDeps } from '../runner.ts';
import { watchStorage } from '../storage.ts';

/** Generous: the machine may be busy. */
export const SOON = { timeout: 60_000, interval: 50 };

export type PictureFixture = Awaited<ReturnType<typeof openPictureFixture>>;

/** Opens a database, a video server and a store of pictures, closed with the test. */
export async function openPictureFixture({ onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 8, onError: () => {} });
  const videos = await startVideoServer({ root: FIXTURES });
  const reader = createVideoReader({ origin: videos.origin, connections: 8, byteBudget: 8_388_608, timeoutMs: 30_000 });
  const folder = await mkdtemp(join(tmpdir(), 'pictures-'));
  const closers: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    for (const close of closers) await close();
    reader.close();
    await videos.close();
    await db.$disconnect();
    await database.drop();
    await rm(folder, { recursive: true });
  }, 60_000);
  const parts = {
    db,
    videos,
    folder,
    openVideo: (({ video }, options) =>
      reader.open(videoUrl(video, videos.origin), options)) as RunnerDeps['openVideo'],
  };
  const store = openMediaStore(pathToFileURL(join(folder, 'media')).href, { sources: new Map() });
  return {
    ...parts,
    store,
    /** Starts a runner, the same as in a worker. `changes` replace parts of it. */
    startRunner: (changes: Partial<RunnerDeps> = {}) => startRunner(parts, store, changes, closers),
    /** Processes an alert with this video, and hands it over to the runner, if any. Returns its uuid. */
    process: (video: string, runner?: { handOver: (alert: HandedOver) => void }) => processOne(parts, video, runner),
    /** Returns the columns of the picture. */
    async row(uuid: string) {
      const alert = await findAlert(db, uuid);
      if (!alert) throw new Error('no alert');
      const row = await db.picture.findUniqueOrThrow({ where: { alertId: alert.id } });
      return { ...row, sha256: (await withRelated(db, alert)).picture?.sha256 ?? null };
    },
    /** Makes all pending pictures due, also those that are claimed. */
    makeDue: () =>
      db.$executeRaw`UPDATE pictures SET next_attempt_at = now() - interval '1 s' WHERE status = 'pending'`,
    readyCount: () => db.picture.count({ where: { status: 'ready' } }),
    claimDue: () => claimPictures(db, { limit: 10, leaseMs: 60_000 }),
    async files() {
      const files: string[] = [];
      for await (const { sha256 } of store.list('picture')) files.push(sha256);
      return files;
    },
  };
}

type HandedOver = { alertId: bigint; video: OpenVideo; waiting: readonly string[] };
type Parts = { db: Database; folder: string; openVideo: RunnerDeps['openVideo'] };

function startRunner(
  parts: Parts,
  store: MediaStore,
  changes: Partial<RunnerDeps>,
  closers: (() => Promise<unknown>)[],
) {
  const logged: Record<string, unknown>[] = [];
  const triggered: string[] = [];
  const errors: unknown[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line)) });
  const registry = new Registry();
  const runner = createRunner({
    ...parts,
    log,
    metrics: createPictureMetrics(registry),
    isDown: () => false,
    make: (video) => decode(video, parts.folder),
    storage: watchStorage(store, log, { checkMs: 0 }),
    triggerDeliveries: (ids) => void triggered.push(...ids),
    maxCrashes: 3,
    concurrency: 1,
    onError: (error) => errors.push(error),
    ...changes,
  });
  closers.push(() => runner.close(60_000));
  return { ...runner, logged, triggered, errors, registry };
}

/** The whole path of an alert through a worker, until its result is recorded and the video is handed over. */
async function processOne(parts: Parts, video: string, runner?: { handOver: (alert: HandedOver) => void }) {
  const uuid = randomUUID();
  await addPending(parts.db, { uuid, video, store: 'test-store', timestamp: 1, requestId: 'r' });
  const claimed = await claim(parts.db, uuid);
  if (claimed.kind !== 'claimed') throw new Error('not claimed');
  const deps = {
    ...parts,
    notifier: { async notify() {} },
    triggerDeliveries() {},
    countMuted() {},
    pictures: { row: { status: 'pending' } as const, handOver: runner?.handOver ?? (() => {}) },
    probe: async (opened: OpenVideo, signal: AbortSignal) => (await probe(opened, { timeoutMs: 30_000, signal })).facts,
  };
  const meter = { bytesFetched: 0, requests: 0 };
  const lease = { uuid, claim: claimed.alert.claims };
  await processAlert(deps, claimed.alert, { lease, meter, signal: new AbortController().signal });
  return uuid;
}

/** Returns a picture of the first frame of the whole file: how the worker finds its bytes has tests of its own. */
export async function decode(video: OpenVideo, folder: string) {
  const bytes = await video.read(0, video.size);
  const path = join(folder, randomUUID());
  await writeFile(path, bytes);
  const args = [
    '-v',
    'error',
    '-i',
    path,
    '-frames:v',
    '1',
    '-vf',
    'scale=64:-2',
    '-c:v',
    'libwebp',
    '-f',
    'image2pipe',
    '-',
  ];
  const { stdout } = await promisify(execFile)('ffmpeg', args, { encoding: 'buffer' });
  await rm(path);
  return { webp: stdout, width: 64, height: 36 };
}
