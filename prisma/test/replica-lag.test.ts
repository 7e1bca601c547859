import { describe, expect, it } from 'vitest';
import { createLagMeter, parsePosition } from '../replica-lag.ts';

it('reads positions', () => {
  expect(parsePosition('0/0')).toBe(0n);
  expect(parsePosition('1A/2B3C4D5E')).toBe(0x1a_2b3c4d5en);
  expect(parsePosition('0/3000148')).toBe(0x3000148n);
});

describe('the lag of a replica', () => {
  it('is unknown until it has reached a position that was noted', () => {
    const meter = createLagMeter();
    expect(meter.lagOf(5n, 0)).toBeUndefined();
    meter.note(10n, 1_000);
    expect(meter.lagOf(9n, 1_000)).toBeUndefined();
    meter.note(20n, 2_000);
    expect(meter.lagOf(10n, 2_500)).toBe(500);
  });

  it('is the age of the oldest change that it lacks', () => {
    const meter = createLagMeter();
    for (const [position, at] of [
      [10n, 0],
      [20n, 1_000],
      [30n, 2_000],
    ] as const)
      meter.note(position, at);
    expect(meter.lagOf(15n, 2_000)).toBe(1_000);
    expect(meter.lagOf(20n, 2_500)).toBe(500);
    expect(meter.lagOf(30n, 2_500)).toBe(500); // since the position of the primary was read
    meter.note(30n, 9_000);
    expect(meter.lagOf(30n, 9_000)).toBe(0);
  });

  it('grows while the primary does not respond', () => {
    const meter = createLagMeter();
    meter.note(10n, 0);
    expect([meter.lagOf(10n, 0), meter.lagOf(10n, 6_000)]).toEqual([0, 6_000]);
  });

  it('is unknown again after ten minutes, and after a restore of the primary', () => {
    const meter = createLagMeter();
    meter.note(1n, 0);
    expect(meter.lagOf(1n, 0)).toBe(0);
    for (let second = 1; second <= 601; second += 1) meter.note(BigInt(second + 1), second * 1_000);
    expect(meter.lagOf(1n, 601_000)).toBeUndefined();
    expect(meter.lagOf(602n, 601_000)).toBe(0);
    meter.note(5n, 602_000);
    expect(meter.lagOf(4n, 602_000)).toBeUndefined();
  });
});
