import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fixture, sample } from '../../video/test/test-videos.ts';
import { firstPicture, pictureOf, pixelsOf, similarity, testDecoder } from './pictures.ts';

/** Decibels. Test pictures have sharp edges in strong colors, which WebP blurs: 24; a rotated one has 11. */
const alike = 22;
const decoder = await testDecoder();
const folder = await mkdtemp(join(tmpdir(), 'picture-test-'));
afterAll(() => rm(folder, { recursive: true }));

/** Sizes are those with square pixels, at most 640 wide. */
const fixtures: [name: string, width: number, height: number][] = [
  ['fragmented.mp4', 320, 180],
  ['rotated-90.mp4', 180, 320],
  ['rotated-270.mp4', 180, 320],
  ['wide-pixels.mp4', 427, 240],
  ['mpeg-ps.mp4', 160, 120],
  ['moov-at-end.mov', 240, 160],
  ['long.mkv', 320, 240],
  ['odd-size.webm', 161, 91],
  ['odd-size.avi', 161, 91],
];
const samples: typeof fixtures = [
  ['test_1.avi', 640, 360],
  ['test_3.mov', 540, 960],
];
const all = [
  ...fixtures.map((each) => [...each, fixture(each[0])] as const),
  ...samples.map((each) => [...each, sample(each[0])] as const),
];

describe.skipIf(decoder === undefined)('the picture', () => {
  it.each(all)(
    'of %s has %d x %d pixels and looks like the first of the whole file',
    async (name, width, height, bytes) => {
      if (decoder === undefined) return;
      const { picture } = await pictureOf(bytes, decoder);
      expect(picture).toMatchObject({ width, height });
      const [video, image] = [join(folder, name), join(folder, `${name}.webp`)];
      await writeFile(video, bytes);
      await writeFile(image, picture.webp);
      const [shown, made] = [await firstPicture(video, picture), await pixelsOf(image)];
      expect(similarity(made, shown)).toBeGreaterThan(alike);
    },
  );
});
