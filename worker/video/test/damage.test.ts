import { expect, it } from 'vitest';
import { probeDamagedCopies, samples } from './damaged-samples.ts';

const flips = 30;

// damage.long.test.ts does the same with 540 copies of each.
it.each(samples)(
  '%s, damaged: no wrong resolution where ffprobe has the right one',
  { timeout: 120_000 },
  async (...each) => {
    const { wrong, right } = await probeDamagedCopies(...each, { flips, cuts: 4 });
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThan(flips / 2);
  },
);
