import { expect, it } from 'vitest';
import { fuzz } from './fuzzing.ts';

// fuzz.long.test.ts does the same with 2000 files.
it('150 damaged files yield facts or a failure, and leave nothing behind', async () => {
  const { facts, failures, unexpected } = await fuzz(150, 1);
  expect(unexpected).toEqual([]);
  expect(Math.min(facts, failures)).toBeGreaterThan(15);
}, 120_000);
