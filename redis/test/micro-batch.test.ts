import { beforeEach, describe, expect, it } from 'vitest';
import { gathered } from '../micro-batch.ts';

let sent: string[][];
let away: boolean;
beforeEach(() => {
  sent = [];
  away = false;
});
const send = gathered<string>(async (jobs) => {
  sent.push(jobs);
  if (away) throw new Error('away');
});

describe('sending jobs', () => {
  it('sends together what one turn brings, also what follows from it at once', async () => {
    await Promise.all([send('a'), Promise.resolve().then(() => send('b')), send('c')]);
    expect(sent).toEqual([['a', 'c', 'b']]);
  });

  it('sends what comes later by itself', async () => {
    await send('a');
    await send('b');
    expect(sent).toEqual([['a'], ['b']]);
  });

  it('tells everyone of the sending that failed, and nobody else', async () => {
    away = true;
    const told = await Promise.allSettled([send('a'), send('b')]);
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    away = false;
    await expect(send('c')).resolves.toBeUndefined();
  });
});
