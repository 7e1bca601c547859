import { createHash } from 'node:crypto';
import type { Alert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';

const STORES = ['harbour-store', 'north-gate', 'old-town', 'riverside', 'station-west', 'market-hall', 'airport-t2'];
const VIDEOS = [
  { video: '/videos/test_1.avi', resolution: '1280x720', codec: 'h264', container: 'avi' },
  { video: '/videos/test_2.mp4', resolution: '1920x1080', codec: 'h264', container: 'mp4' },
  { video: '/videos/test_3.mov', resolution: '540x960', codec: 'h264', container: 'mov' },
  { video: '/videos/test_4.mkv', resolution: '854x480', codec: 'h264', container: 'mkv' },
  { video: '/videos/test_5.webm', resolution: '640x360', codec: 'vp9', container: 'webm' },
] as const;
/** `delayMs`: the time until the last attempt. A missing file is tried again for ten seconds. */
const MISSING_FILE = {
  failureCode: 'video_not_found',
  failureDetail: 'the video server responded with status 404',
  attempts: 5,
  delayMs: 13_100,
} as const;
const DAMAGED_FILE = {
  failureCode: 'video_unreadable',
  failureDetail: 'the file has no moov box; it may be cut short',
  attempts: 1,
  delayMs: 0,
} as const;
const NO_RESULT = {
  resolution: null,
  width: null,
  height: null,
  rotation: null,
  codec: null,
  container: null,
  duration: null,
};

/** Returns a number from 0 to 1, the same one for the same arguments, so that screenshots are reproducible. */
function randomOf(n: number, salt: string): number {
  return createHash('sha256').update(`${salt}${n}`).digest().readUInt32BE(0) / 2 ** 32;
}

function pick<T>(items: readonly T[], random: number): T {
  const item = items[Math.floor(random * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

type Seed = {
  count: number;
  /** All alerts are received in this period before `end`. */
  ms: number;
  end: number;
  /** The store of all alerts; default: several. Another store also means other uuids. */
  store?: string;
};

/**
 * Inserts alerts as a system has them after some hours: most are processed within half a second. At about two thirds of the
 * period, the video server is down and then lacks some files: many alerts are processed minutes late, and many fail.
 */
export async function seed(db: Database, options: Seed): Promise<void> {
  const rows = Array.from({ length: options.count }, (_, n) => row(n, options));
  for (let first = 0; first < rows.length; first += 1_000) {
    await db.alert.createMany({ data: rows.slice(first, first + 1_000) });
  }
}

function row(n: number, { count, ms, end, store }: Seed): Omit<Alert, 'id' | 'updatedAt'> {
  // Denser in the middle, so that the charts have a shape.
  const position = (n + randomOf(n, 'place')) / count;
  const receivedAt = new Date(end - Math.round(ms * (position + 0.12 * Math.sin(position * 2 * Math.PI))));
  const age = (end - receivedAt.getTime()) / ms;
  const outage = age > 0.3 && age < 0.38;
  const failed = randomOf(n, 'failed') < (outage ? 0.55 : 0.015);
  const failure = outage ? MISSING_FILE : DAMAGED_FILE;
  // The nth retry starts 2 ** n - 1 s after the first attempt.
  const retries = outage && !failed ? 6 + Math.floor(3 * randomOf(n, 'retries')) : 0;
  const delayMs = failed ? failure.delayMs : 875 * (2 ** retries - 1);
  const attempts = failed ? failure.attempts : 1 + retries;
  const queueMs = 4 + 30 * randomOf(n, 'wait') ** 3 + (outage ? 1_500 * randomOf(n, 'slow') : 0);
  const startedAt = new Date(receivedAt.getTime() + 5 + queueMs + delayMs);
  const probeMs = 18 + 240 * randomOf(n, 'read') ** 4 + (outage ? 900 * randomOf(n, 'lag') : 0);
  const processedAt = new Date(startedAt.getTime() + probeMs);
  const video = pick(VIDEOS, randomOf(n, 'video'));
  const [width = 0, height = 0] = video.resolution.split('x').map(Number);
  const result = { ...video, width, height, rotation: video.container === 'mov' ? 90 : 0, duration: 3 };
  return {
    uuid: uuidOf(`uuid${n}${store ?? ''}`),
    store: store ?? pick(STORES, randomOf(n, 'store') ** (outage ? 2.5 : 1)),
    camera: null,
    source: null,
    timestamp: Math.round(receivedAt.getTime() / 1_000) - 4,
    status: failed ? 'failed' : 'processed',
    video: failed && !outage ? '/videos/broken.mp4' : video.video,
    ...(failed ? NO_RESULT : result),
    failureCode: failed ? failure.failureCode : null,
    failureDetail: failed ? failure.failureDetail : null,
    claims: attempts,
    attempts,
    attemptsBefore: 0,
    crashes: 0,
    bytesFetched: BigInt(failed ? 0 : 65_536),
    bytesBefore: 0n,
    busyMs: 0,
    traceparent: null,
    lastError: lastErrorOf(outage, failed),
    lastErrorAt: outage ? startedAt : null,
    nextAttemptAt: null,
    roundStartedAt: null,
    requestId: 'seed',
    receivedAt,
    queuedAt: new Date(receivedAt.getTime() + 5),
    startedAt,
    processedAt,
    notifiedAt: new Date(processedAt.getTime() + 6),
    lateAt: delayMs > 120_000 ? new Date(receivedAt.getTime() + 122_000) : null,
  };
}

function lastErrorOf(outage: boolean, failed: boolean): string | null {
  if (!outage) return null;
  const { failureCode, failureDetail } = MISSING_FILE;
  return failed
    ? `${failureCode}: ${failureDetail}`
    : 'video_server_unreachable: the video server refused the connection';
}

function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
