import { expect, it } from 'vitest';
import { createPace } from '../pace.ts';

const FAST = { batchMs: 200, writesMs: [3, 3, 3], idleWriteMs: 3 };
const SLOW = { ...FAST, writesMs: [3, 20, 30] };

it('pauses three times as long as a batch took, while small writes stay fast', () => {
  const pace = createPace();
  expect(pace.rows()).toBe(1_000);
  for (let i = 0; i < 20; i += 1) expect(pace.pauseAfter({ ...FAST, rows: pace.rows() })).toBe(600);
  expect(pace.rows()).toBe(5_000);
});

it('pauses up to nine times as long while small writes get slower, and recovers', () => {
  const pace = createPace();
  const pauses = Array.from({ length: 10 }, () => pace.pauseAfter({ ...SLOW, rows: pace.rows() }));
  expect(pauses[0]).toBe(900);
  expect(pauses.at(-1)).toBe(1_800);
  const recovered = Array.from({ length: 30 }, () => pace.pauseAfter({ ...FAST, rows: pace.rows() }));
  expect(recovered.at(-1)).toBe(600);
});

it('makes batches smaller that take long or fail, and larger again', () => {
  const pace = createPace();
  pace.pauseAfter({ ...FAST, batchMs: 2_000, rows: 1_000 });
  expect(pace.rows()).toBe(700);
  pace.failed();
  expect(pace.rows()).toBe(175);
  for (let i = 0; i < 20; i += 1) pace.pauseAfter({ ...FAST, batchMs: 2_000, rows: pace.rows() });
  expect(pace.rows()).toBe(100);
  // A last page with few rows shows nothing about full batches.
  pace.pauseAfter({ ...FAST, rows: 10 });
  expect(pace.rows()).toBe(100);
  for (let i = 0; i < 30; i += 1) pace.pauseAfter({ ...FAST, rows: pace.rows() });
  expect(pace.rows()).toBe(5_000);
});
