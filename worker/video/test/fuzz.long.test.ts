import { expect, it } from 'vitest';
import { fuzz } from './fuzzing.ts';

const count = 2000;

it(`${count} damaged files yield facts or a failure, and leave nothing behind`, { timeout: 600_000 }, async () => {
  const { facts, failures, unexpected, heapGrowthBytes } = await fuzz(count, 2026);
  expect(unexpected).toEqual([]);
  // Damage that always or never matters would show that it misses the headers.
  expect(Math.min(facts, failures)).toBeGreaterThan(count / 10);
  expect(heapGrowthBytes).toBeLessThan(16 * 1024 * 1024);
});
