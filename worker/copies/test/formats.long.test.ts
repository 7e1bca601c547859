import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Copy } from '#prisma/copies.ts';
import {
  type CopyFixture,
  converter,
  describeVideo,
  makeVideo,
  openCopyFixture,
  SOON,
  testPicture,
} from './copy-fixture.ts';

type Expected = { width: number; height: number; sound?: boolean };

const HEVC = ['-c:v', 'libx265', '-x265-params', 'log-level=none'];
/** Name, how it is made, codec, expected copy. */
const VIDEOS: [string, string[], string, Expected][] = [
  ['mpeg4.avi', [...testPicture(), '-c:v', 'mpeg4', '-c:a', 'mp3'], 'mpeg4', { width: 320, height: 180, sound: true }],
  [
    'mjpeg.avi',
    [...testPicture(), '-c:v', 'mjpeg', '-c:a', 'pcm_s16le'],
    'mjpeg',
    { width: 320, height: 180, sound: true },
  ],
  ['hevc.mkv', [...testPicture(), ...HEVC, '-c:a', 'aac'], 'hevc', { width: 320, height: 180, sound: true }],
  ['h264.mkv', [...testPicture(), '-c:v', 'libx264', '-an'], 'h264', { width: 320, height: 180 }],
  ['ten-bit.mkv', [...testPicture(), '-pix_fmt', 'yuv420p10le', ...HEVC, '-an'], 'hevc', { width: 320, height: 180 }],
  [
    'large.mkv',
    [...testPicture('1920x1080', 1, 5), '-c:v', 'libx264', '-preset', 'ultrafast', '-an'],
    'h264',
    { width: 1280, height: 720 },
  ],
  ['portrait.avi', [...testPicture('480x1920', 1, 5), '-c:v', 'mpeg4', '-an'], 'mpeg4', { width: 320, height: 1280 }],
  [
    'odd.avi',
    [...testPicture('161x91'), '-c:v', 'ffv1', '-pix_fmt', 'yuv444p', '-an'],
    'ffv1',
    { width: 160, height: 90 },
  ],
  [
    'wide-pixels.avi',
    [...testPicture('360x288'), '-vf', 'setsar=16/11', '-c:v', 'mpeg4', '-an'],
    'mpeg4',
    { width: 522, height: 288 },
  ],
  [
    'interlaced.avi',
    [
      ...testPicture('320x240'),
      '-flags',
      '+ildct+ilme',
      '-vf',
      'tinterlace=interleave_top',
      '-c:v',
      'mpeg2video',
      '-an',
    ],
    'mpeg2video',
    { width: 320, height: 240 },
  ],
  ['unknown-sound.mkv', [...testPicture(), '-c:v', 'mpeg4', '-c:a', 'tta'], 'mpeg4', { width: 320, height: 180 }],
];

const closers: (() => unknown)[] = [];
let fixture: CopyFixture;

beforeAll(async () => {
  if ('missing' in converter) return;
  const files: Record<string, Buffer> = {};
  for (const [name, args] of VIDEOS) files[name] = await makeVideo(name, args);
  files['rotated.mov'] = await makeVideo('rotated.mov', [...testPicture(), '-c:v', 'libx264', '-an']);
  // A display matrix of 90 degrees, in the header of the only track: tkhd's matrix is 40 bytes before its end.
  const tkhd = files['rotated.mov'].indexOf('tkhd');
  const matrix = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000];
  for (const [n, value] of matrix.entries()) files['rotated.mov'].writeInt32BE(value, tkhd + 4 + 40 + 4 * n);
  fixture = await openCopyFixture({ onTestFinished: (close) => void closers.push(close as () => unknown) }, files);
  fixture.start();
}, 120_000);
afterAll(async () => {
  for (const close of closers) await close();
});

async function copied(name: string, codec: string): Promise<Copy> {
  const id = await fixture.request(`/right/${name}`, { codec });
  await expect.poll(async () => (await fixture.copyOf(id)).status, SOON).not.toBe('pending');
  return fixture.copyOf(id);
}

describe.skipIf('missing' in converter)('a copy', { timeout: 180_000 }, () => {
  it.each(VIDEOS)('of %s is one that browsers play', async (name, _, codec, expected) => {
    const copy = await copied(name, codec);
    const { width, height, sound = false } = expected;
    expect(copy).toMatchObject({ status: 'ready', reason: null, progress: 1, width, height, attempts: 1 });
    const bytes = await fixture.fileOf(copy);
    expect(bytes.length).toBe(Number(copy.bytes));
    // Playable before all of it has arrived.
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    const { video, audio, duration } = await describeVideo(bytes);
    expect(video).toMatchObject({ codec_name: 'h264', pix_fmt: 'yuv420p', width, height, sample_aspect_ratio: '1:1' });
    expect(audio?.codec_name).toBe(sound ? 'aac' : undefined);
    const seconds = /large|portrait/.test(name) ? 1 : 2;
    expect(Math.abs(duration - seconds)).toBeLessThan(0.35);
  });

  it('of a rotated video is rotated', async () => {
    const copy = await copied('rotated.mov', 'h264');
    expect(copy).toMatchObject({ status: 'ready', width: 180, height: 320 });
    const { video } = await describeVideo(await fixture.fileOf(copy));
    expect(video).toMatchObject({ width: 180, height: 320 });
    expect(video.side_data_list).toBeUndefined();
  });

  it('of the same video is the same file', async () => {
    const [first, second] = [await copied('mpeg4.avi', 'mpeg4'), await copied('mpeg4.avi', 'mpeg4')];
    expect(Buffer.from(second.sha256 ?? []).equals(Buffer.from(first.sha256 ?? [1]))).toBe(true);
  });
});
