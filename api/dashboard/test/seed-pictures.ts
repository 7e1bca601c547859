import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { POLL_TIMEOUT } from './browser.ts';
import type { PageStack } from './stack.ts';

/** Wall, floor, shelves, and where the entrance and a person are, in pixels of 640 x 360. One scene per store. */
const SCENES: Record<string, [wall: string, floor: string, shelf: string, entrance: number, person: number]> = {
  'harbour-store': ['0x8fa6b5', '0x5d5348', '0x6f4f37', 60, 410],
  'north-gate': ['0xb9b2a2', '0x6d675c', '0x8a8577', 470, 250],
  'old-town': ['0xc4a67e', '0x5b3f2c', '0x4b2f20', 250, 130],
  riverside: ['0x9db59a', '0x6a6f63', '0x3f5546', 500, 330],
  'station-west': ['0x7d8794', '0x474c55', '0x2f353d', 160, 500],
  'market-hall': ['0xd0c7b8', '0x8d8273', '0x7c3f35', 380, 90],
  'airport-t2': ['0xb7c6d6', '0x8993a0', '0x4a6c8c', 90, 470],
};

/** Posts one alert per store, whose picture looks like a shop, and gives its picture to all other alerts of the store. */
export async function seedPictures(stack: PageStack): Promise<void> {
  for (const [store, scene] of Object.entries(SCENES)) {
    await makeVideo(join(stack.folder, `${store}.mp4`), scene);
    await makeVideo(join(stack.folder, `${store}.avi`), scene);
    const uuid = await stack.post({ store, video: `/videos/${store}.mp4` });
    const status = async () => (await stack.db.picture.findFirst({ where: { alert: { uuid } } }))?.status;
    await expect.poll(status, POLL_TIMEOUT).toBe('ready');
    await stack.db.$executeRaw`
      INSERT INTO pictures (alert_id, status, sha256, width, height, bytes, picture_bytes, attempts, finished_at)
      SELECT other.id, 'ready', sha256, pictures.width, pictures.height, bytes, picture_bytes, 1, now()
      FROM pictures JOIN alerts made ON made.id = alert_id JOIN alerts other ON other.store = made.store
      WHERE made.uuid = ${uuid}::uuid AND other.status = 'processed' ON CONFLICT DO NOTHING`;
  }
  const [damaged] = await stack.db.alert.findMany({
    where: { status: 'processed', picture: { isNot: null } },
    ...{ orderBy: { receivedAt: 'desc' }, skip: 9, take: 1 },
  });
  await stack.db.picture.update({
    where: { alertId: damaged?.id ?? 0n },
    data: { status: 'none', reason: 'frame_damaged', detail: 'the first key frame is damaged', sha256: null },
  });
}

async function makeVideo(
  path: string,
  [wall, floor, shelf, entrance, person]: [string, string, string, number, number],
) {
  const box = (x: number, y: number, w: number, h: number, color: string) =>
    `drawbox=x=${x}:y=${y}:w=${w}:h=${h}:color=${color}:t=fill`;
  const shelves = [200, 250, 300].flatMap((y, row) =>
    Array.from({ length: 9 }, (_, n) =>
      box(20 + n * 70, y - 34, 26 + ((n * 7 + row * 5) % 24), 34, `${shelf}@0.${4 + ((n + row) % 5)}`),
    ),
  );
  const filters = [
    box(0, 210, 640, 150, floor),
    ...[200, 250, 300].map((y) => box(10, y, 620, 6, shelf)),
    ...shelves,
    box(entrance, 90, 90, 220, '0x20242b'),
    box(entrance + 8, 98, 74, 204, '0xdfe8ee@0.75'),
    box(person, 150, 34, 34, '0x2b211c'),
    box(person - 12, 186, 58, 110, '0x1f2f4a'),
    box(person - 6, 296, 20, 56, '0x15181d'),
    box(person + 20, 296, 20, 56, '0x15181d'),
    'gblur=sigma=1.6',
    'vignette=PI/4.5',
    'noise=alls=9:allf=t',
  ];
  const input = ['-f', 'lavfi', '-i', `color=${wall}:size=640x360:rate=5:duration=1`];
  const output = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', path];
  await promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...input, '-vf', filters.join(','), ...output]);
}
