import { describe, expect, it } from 'vitest';
import { createQuarantine } from '../quarantine.ts';

/** Starts two jobs with these stalls; returns how many run at the same time. */
async function runningAtOnce(quarantine: ReturnType<typeof createQuarantine>, stalls: number): Promise<number> {
  let running = 0;
  const gate = Promise.withResolvers<void>();
  const handle = async () => {
    running += 1;
    await gate.promise;
    return { kind: 'done' } as const;
  };
  const both = [quarantine(stalls, handle), quarantine(stalls, handle)];
  await new Promise(setImmediate);
  const atOnce = running;
  gate.resolve();
  await Promise.all(both);
  expect(running).toBe(2);
  return atOnce;
}

describe('the quarantine', () => {
  it.each([
    [5, 0, 2],
    [5, 1, 2],
    [5, 2, 1],
    [5, 9, 1],
    // An alert fails at the second crash, so its neighbours cannot afford another one together.
    [2, 0, 2],
    [2, 1, 1],
    [1, 1, 1],
  ])('with at most %i crashes, runs %i times stalled jobs %i at a time', async (maxCrashes, stalls, atOnce) => {
    expect(await runningAtOnce(createQuarantine(maxCrashes), stalls)).toBe(atOnce);
  });

  it('keeps the order and continues after a job that throws', async () => {
    const quarantine = createQuarantine(5);
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = quarantine(2, async () => {
      order.push('first starts');
      await gate.promise;
      order.push('first ends');
      throw new Error('first failed');
    });
    const second = quarantine(2, async () => {
      order.push('second starts');
      return { kind: 'done' };
    });
    await new Promise(setImmediate);
    expect(order).toEqual(['first starts']);
    gate.resolve();
    await expect(first).rejects.toThrow('first failed');
    expect(await second).toEqual({ kind: 'done' });
    expect(order).toEqual(['first starts', 'first ends', 'second starts']);
  });
});
