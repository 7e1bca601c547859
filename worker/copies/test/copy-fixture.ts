import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import type { TestContext } from 'vitest';
import { type MediaStore, openMediaStore } from '#media/store.ts';
import { addPending, claim, recordResolution } from '#prisma/alerts.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { type Copy, requestCopy } from '#prisma/copies.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { detectDecoder } from '../../pictures/decoder.ts';
import { createVideoSources } from '../../video/sources.ts';
import { detectConverter } from '../converter.ts';
import { type CopierDeps, startCopier } from '../copier.ts';
import { createCopyMetrics } from '../metrics.ts';

/** Generous: the machine may be busy. */
export const SOON = { timeout: 120_000, interval: 50 };

const run = promisify(execFile);
const LIMITS = { maxBytes: 64 * 1024 * 1024, maxSeconds: 600, timeoutMs: 120_000 };

export const decoder = await detectDecoder(undefined, process.env.PATH);
export const converter = await detectConverter(decoder, LIMITS);

/** Runs ffmpeg and returns the file that it makes. */
export async function makeVideo(name: string, args: string[]): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'make-video-'));
  try {
    await run('ffmpeg', ['-v', 'error', '-nostdin', ...args, '-y', join(folder, name)]);
    return await readFile(join(folder, name));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Returns the video, repeated: it takes as long to convert as one that took long to make. */
export async function repeated(name: string, video: Buffer, times: number): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'repeat-video-'));
  try {
    await writeFile(join(folder, name), video);
    return await makeVideo(name, ['-stream_loop', `${times - 1}`, '-i', join(folder, name), '-c', 'copy']);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Arguments for a test picture of this size and duration, with a tone. */
export function testPicture(size = '320x180', seconds = 2, rate = 10): string[] {
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
  return ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${seconds}`, ...sound];
}

/** What ffprobe finds in a copy. */
export async function describeVideo(bytes: Buffer) {
  const folder = await mkdtemp(join(tmpdir(), 'describe-video-'));
  try {
    const path = join(folder, 'copy.mp4');
    await writeFile(path, bytes);
    const { stdout } = await run('ffprobe', ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', path]);
    const { streams, format } = JSON.parse(stdout);
    const video = streams.find((each: { codec_type: string }) => each.codec_type === 'video');
    const audio = streams.find((each: { codec_type: string }) => each.codec_type === 'audio');
    return { video, audio, duration: Number(format.duration), format: format.format_name as string };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export type CopyFixture = Awaited<ReturnType<typeof openCopyFixture>>;

/** Opens a database, a video server with these files, and a store in a folder. Everything is closed after the test. */
export async function openCopyFixture(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  files: Record<string, Uint8Array>,
) {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 3, onError: () => {} });
  const videos = await startVideoServer({ root: tmpdir(), files });
  const folder = await mkdtemp(join(tmpdir(), 'copies-test-'));
  const store = openMediaStore(pathToFileURL(join(folder, 'media')).href, { sources: new Map() });
  const temporaryFolder = join(folder, 'tmp');
  const copiers: ReturnType<typeof openCopier>[] = [];
  onTestFinished(async () => {
    for (const copier of copiers) await copier.close();
    await videos.close();
    await db.$disconnect();
    await database.drop();
    const leftOver = await readdir(temporaryFolder).catch(() => []);
    await rm(folder, { recursive: true });
    if (leftOver.length > 0) throw new Error(`temporary files left over: ${leftOver.join(', ')}`);
  }, 60_000);
  const logged: Record<string, unknown>[] = [];
  const shared = { databaseUrl: database.url, videos, store, temporaryFolder, logged };
  return {
    ...{ db, store, videos, logged, folder, temporaryFolder, databaseUrl: database.url },
    /** Starts what a worker runs for copies. */
    start(options: Partial<CopierDeps> = {}) {
      const copier = openCopier(shared, options);
      copiers.push(copier);
      return copier;
    },
    alert: (video: string, facts: Partial<Facts> = {}) => addAlert(db, video, facts),
    copyOf: (alertId: bigint): Promise<Copy> => db.copy.findUniqueOrThrow({ where: { alertId } }),
    /** Adds an alert and requests its copy; returns the alert's id. */
    async request(video: string, facts: Partial<Facts> = {}) {
      const { id } = await addAlert(db, video, facts);
      await requestCopy(db, id);
      return id;
    },
    fileOf: (copy: Copy) => fileOf(store, copy),
  };
}

type Shared = {
  databaseUrl: string;
  videos: VideoServer;
  store: MediaStore;
  temporaryFolder: string;
  logged: Record<string, unknown>[];
};

function openCopier({ databaseUrl, videos, store, temporaryFolder, logged }: Shared, options: Partial<CopierDeps>) {
  const db = openDatabase(databaseUrl, { poolSize: 2, onError: () => {} });
  const sources = createVideoSources({
    ...{ videoServer: videos.origin, sources: undefined, attemptMs: 1_000 },
    limits: { connections: 1, byteBudget: 65_536, timeoutMs: 10_000 },
  });
  const metrics = createCopyMetrics(new Registry());
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const copier = startCopier({
    ...{ db, log, metrics, store, converter, sources, limits: LIMITS, cacheBytes: 2 ** 30, temporaryFolder },
    ...{ renewMs: 200, intervals: { pollMs: 100, measureMs: 200, cleanMs: 200 } },
    ...options,
  });
  let closed: Promise<void> | undefined;
  const close = async () => {
    await copier.close();
    sources.close();
    await db.$disconnect();
  };
  return {
    metrics,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

type Facts = { container: string; codec: string; duration: number | null; store: string };

async function addAlert(db: Database, video: string, { store = 'a', ...facts }: Partial<Facts>) {
  const uuid = randomUUID();
  await addPending(db, { uuid, video, store, timestamp: 1, requestId: 'r' });
  const claimed = await claim(db, uuid);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  const found = { codec: 'h264', container: video.split('.').at(-1) ?? '', duration: null, ...facts };
  const size = { resolution: '2x1', width: 2, height: 1, rotation: 0 };
  await recordResolution(db, { uuid, claim: claimed.alert.claims }, { ...size, ...found }, 1);
  return db.alert.findUniqueOrThrow({ where: { uuid } });
}

async function fileOf(store: MediaStore, { sha256 }: Copy): Promise<Buffer> {
  const found = sha256 && (await store.open('copy', Buffer.from(sha256).toString('hex')));
  if (!found) throw new Error('the copy has no file');
  return Buffer.concat(await found.stream.toArray());
}
