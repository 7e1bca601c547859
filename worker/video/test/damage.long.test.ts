import { expect, it } from 'vitest';
import { probeDamagedCopies, samples } from './damaged-samples.ts';

const flips = 500;

it.each(samples)(
  '%s, damaged: no wrong resolution where ffprobe has the right one',
  { timeout: 600_000 },
  async (...each) => {
    const { wrong, right } = await probeDamagedCopies(...each, { flips, cuts: 40 });
    expect(wrong).toEqual([]);
    // Most bits do not affect the resolution.
    expect(right).toBeGreaterThan(flips / 2);
  },
);
