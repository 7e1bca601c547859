import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { seededRandom } from '#chaos/random.ts';
import { VideoError } from '../../errors.ts';
import { damage, readVideos } from '../../video/test/fuzzing.ts';
import { PictureError } from '../error.ts';
import { pictureOf, testDecoder } from './pictures.ts';

const decoder = await testDecoder();
const files = 300;
const seed = 17;

it.skipIf(decoder === undefined)(
  `${files} damaged files yield a picture of the reported video or a reason, and leave nothing behind`,
  async () => {
    if (decoder === undefined) return;
    const folder = await mkdtemp(join(tmpdir(), 'picture-fuzz-'));
    const temporary = join(folder, 'temporary');
    await mkdir(temporary);
    const originals = await readVideos();
    const unexpected: string[] = [];
    let [pictures, failures] = [0, 0];
    for (let number = 0; number < files; number += 1) {
      const { name, bytes } = originals[number % originals.length] ?? { name: '', bytes: Buffer.alloc(0) };
      try {
        const { facts, picture } = await pictureOf(damage(bytes, seededRandom(seed + number)), decoder, temporary);
        pictures += 1;
        const fits = picture.width <= 640 && picture.height <= 1600 && picture.webp.length > 0;
        if (!fits) unexpected.push(`${number} ${name}: ${facts.resolution} ${picture.width}x${picture.height}`);
      } catch (error) {
        failures += 1;
        const expected = error instanceof PictureError || error instanceof VideoError;
        if (!expected) unexpected.push(`${number} ${name}: ${error}`);
      }
    }
    expect(unexpected).toEqual([]);
    expect(Math.min(pictures, failures)).toBeGreaterThan(20);
    expect(await readdir(temporary)).toEqual([]);
    await rm(folder, { recursive: true });
  },
  900_000,
);
