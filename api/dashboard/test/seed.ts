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
const FAULTS = [
  { failureCode: 'video_server_unreachable', failureDetail: 'the video server refused the connection', attempts: 12 },
  { failureCode: 'video_timeout', failureDetail: 'no byte came for 10 s', attempts: 12 },
  { failureCode: 'video_unreadable', failureDetail: 'the file has no moov box; it may be cut short', attempts: 1 },
] as const;

/** The same number for the same n: pictures made anew show the same. Between 0 and 1. */
function chance(n: number, salt: string): number {
  return createHash('sha256').update(`${salt}${n}`).digest().readUInt32BE(0) / 2 ** 32;
}

function pick<T>(from: readonly T[], chance: number): T {
  const found = from[Math.floor(chance * from.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

/**
 * Alerts as a house has them that has worked for a while: `count` of them, received over the `ms` before `end`, most of
 * them processed within half a second, a cluster of them failed a third of the way before the end.
 */
export async function seed(
  db: Database,
  { count, ms, end }: { count: number; ms: number; end: number },
): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => row(n, count, ms, end));
  for (let first = 0; first < rows.length; first += 1_000) {
    await db.alert.createMany({ data: rows.slice(first, first + 1_000) });
  }
}

function row(n: number, count: number, ms: number, end: number): Omit<Alert, 'id' | 'updatedAt'> {
  // Denser towards the middle, so that the hour has a shape.
  const place = (n + chance(n, 'place')) / count;
  const receivedAt = new Date(end - Math.round(ms * (place + 0.12 * Math.sin(place * 2 * Math.PI))));
  const ago = (end - receivedAt.getTime()) / ms;
  const trouble = ago > 0.3 && ago < 0.38;
  const failed = chance(n, 'failed') < (trouble ? 0.55 : 0.015);
  const fault = trouble ? pick(FAULTS, chance(n, 'fault') * 0.66) : FAULTS[2];
  const wait = 4 + 30 * chance(n, 'wait') ** 3 + (trouble ? 1_500 * chance(n, 'slow') : 0);
  const startedAt = new Date(receivedAt.getTime() + 5 + wait + (failed && trouble ? 61_000 : 0));
  const processedAt = new Date(
    startedAt.getTime() + 18 + 240 * chance(n, 'read') ** 4 + (trouble ? 900 * chance(n, 'lag') : 0),
  );
  const picture = pick(VIDEOS, chance(n, 'video'));
  const [width = 0, height = 0] = picture.resolution.split('x').map(Number);
  const hex = createHash('sha256').update(`uuid${n}`).digest('hex');
  const seen = { ...picture, width, height, rotation: picture.container === 'mov' ? 90 : 0, duration: 3 };
  return {
    uuid: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    store: pick(STORES, chance(n, 'store') ** (trouble ? 2.5 : 1)),
    timestamp: Math.round(receivedAt.getTime() / 1_000) - 4,
    status: failed ? 'failed' : 'processed',
    video: failed && !trouble ? '/videos/broken.mp4' : picture.video,
    ...(failed ? NOTHING_SEEN : seen),
    failureCode: failed ? fault.failureCode : null,
    failureDetail: failed ? fault.failureDetail : null,
    attempts: failed ? fault.attempts : 1,
    attemptsBefore: 0,
    crashes: 0,
    bytesFetched: BigInt(failed ? 0 : 65_536),
    traceparent: null,
    lastFault: failed && trouble ? `${fault.failureCode}: ${fault.failureDetail}` : null,
    requestId: 'seed',
    receivedAt,
    queuedAt: new Date(receivedAt.getTime() + 5),
    startedAt,
    processedAt,
    notifiedAt: new Date(processedAt.getTime() + 6),
  };
}

const NOTHING_SEEN = {
  resolution: null,
  width: null,
  height: null,
  rotation: null,
  codec: null,
  container: null,
  duration: null,
};
