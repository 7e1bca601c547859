import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VideoError } from '../../errors.ts';
import { cases } from '../../video/test/corpus/cases.ts';
import { corpusFolder, makeCorpus } from '../../video/test/corpus/make.ts';
import { PictureError } from '../error.ts';
import { firstPicture, makeVideo, pictureOf, pixelsOf, similarity, testDecoder } from './pictures.ts';

const decoder = await testDecoder();
const print = (line: string) => void process.stderr.write(`${line}\n`);
const folder = await mkdtemp(join(tmpdir(), 'picture-corpus-'));
afterAll(() => rm(folder, { recursive: true }));
/** Decibels. Test pictures have sharp edges in strong colors, which WebP blurs; a wrong picture has 11. */
const alike = 22;

/** Files whose first frame is a few bytes of no meaning, made for tests of the probe. */
const damaged = new Set([
  'long-uncropped.mp4',
  'long-cropped-more.mp4',
  'long-raw-rgb.mov',
  'sound-first-late-frame-wrong-size.mkv',
]);

async function expectSamePicture(path: string, name: string): Promise<void> {
  if (decoder === undefined) return;
  const { picture } = await pictureOf(await readFile(path), decoder);
  const image = join(folder, `${name}.webp`);
  await writeFile(image, picture.webp);
  expect(similarity(await pixelsOf(image), await firstPicture(path, picture))).toBeGreaterThan(alike);
}

describe.skipIf(decoder === undefined)('on the corpus, the picture', () => {
  const paths = new Map<string, string>();
  beforeAll(async () => {
    if (decoder === undefined) return;
    const options = { ffmpeg: decoder.ffmpegPath, folder: corpusFolder, timeoutMs: 600_000, print };
    for (const { name, path } of (await makeCorpus(options)).files) paths.set(name, path);
  }, 620_000);

  it.each(cases.map(({ name }) => name))('of %s is the first one of the whole file', async (name) => {
    const path = paths.get(name);
    if (path === undefined || decoder === undefined) return;
    const failure = await expectSamePicture(path, name).catch((error: unknown) => error);
    if (damaged.has(name)) {
      expect(failure).toBeInstanceOf(PictureError);
      expect(failure).toHaveProperty('reason', 'frame_damaged');
    } else if (!(failure instanceof VideoError)) expect(failure).toBeUndefined();
  });
});

const lavfi = (size: string) => ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=5:duration=0.6`];
const red = ['-f', 'lavfi', '-i', 'color=red:size=2x2:rate=5:duration=0.6', '-vf', 'format=yuv444p,crop=1:1'];
const x265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none:pools=none'];
const hdr = ['-color_primaries', 'bt2020', '-color_trc', 'smpte2084', '-colorspace', 'bt2020nc'];
const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast'];
const unusual: [name: string, width: number, height: number, args: string[]][] = [
  ['hdr.mp4', 640, 360, [...lavfi('1280x720'), ...x265, '-pix_fmt', 'yuv420p10le', ...hdr]],
  ['hevc-444-12.mkv', 640, 360, [...lavfi('1280x720'), ...x265, '-pix_fmt', 'yuv444p12le']],
  ['h264-444.mp4', 640, 360, [...lavfi('1280x720'), ...x264, '-pix_fmt', 'yuv444p']],
  ['h264-422-10.mov', 320, 240, [...lavfi('320x240'), ...x264, '-pix_fmt', 'yuv422p10le']],
  ['alpha.webm', 320, 240, [...lavfi('320x240'), '-c:v', 'libvpx-vp9', '-cpu-used', '8', '-pix_fmt', 'yuva420p']],
  ['alpha.mov', 320, 240, [...lavfi('320x240'), '-c:v', 'prores_ks', '-profile:v', '4', '-pix_fmt', 'yuva444p10le']],
  [
    'fields.avi',
    640,
    480,
    [...lavfi('640x480'), '-c:v', 'mpeg2video', '-q:v', '4', '-r', '25', '-flags', '+ildct+ilme'],
  ],
  ['fields.mkv', 640, 480, [...lavfi('640x480'), ...x264, '-x264opts', 'tff=1', '-pix_fmt', 'yuv420p']],
  ['8k.mp4', 640, 360, [...lavfi('7680x4320'), ...x265, '-pix_fmt', 'yuv420p10le', '-frames:v', '1']],
  ['pixel.webm', 1, 1, [...red, '-c:v', 'libvpx-vp9', '-pix_fmt', 'yuv444p']],
  ['pixel.mkv', 1, 1, [...red, '-c:v', 'ffv1', '-pix_fmt', 'yuv444p']],
  ['tall.mp4', 16, 1600, [...lavfi('32x3200'), ...x264, '-pix_fmt', 'yuv420p']],
  ['flat.mp4', 640, 3, [...lavfi('4000x16'), ...x264, '-pix_fmt', 'yuv420p']],
  ['narrow-pixels.mp4', 36, 480, [...lavfi('720x480'), '-vf', 'setsar=1/20', ...x264, '-pix_fmt', 'yuv420p']],
  ['wide-pixels.mkv', 640, 45, [...lavfi('320x240'), '-vf', 'setsar=32/3', ...x264, '-pix_fmt', 'yuv420p']],
  ['mono.mp4', 320, 240, [...lavfi('320x240'), ...x264, '-pix_fmt', 'gray']],
  ['4k.avi', 640, 338, [...lavfi('4096x2160'), '-c:v', 'mjpeg', '-q:v', '20', '-pix_fmt', 'yuvj420p']],
];

describe.skipIf(decoder === undefined)('of an unusual file, the picture', () => {
  it.each(unusual)(
    '%s has %d x %d pixels and is the first one of the whole file',
    async (name, width, height, args) => {
      if (decoder === undefined) return;
      const path = join(folder, name);
      await makeVideo(args, path);
      const { picture } = await pictureOf(await readFile(path), decoder);
      expect(picture).toMatchObject({ width, height });
      await expectSamePicture(path, name);
    },
  );
});
