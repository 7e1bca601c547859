import { expect, it } from 'vitest';
import { createQuarantine } from '../quarantine.ts';

it('handles one job at a time, in order, and continues after one that throws', async () => {
  const quarantine = createQuarantine();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = quarantine(async () => {
    order.push('first starts');
    await gate.promise;
    order.push('first ends');
    throw new Error('first failed');
  });
  const second = quarantine(async () => {
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
