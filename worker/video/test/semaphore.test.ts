import { expect, it } from 'vitest';
import { Semaphore } from '../ffprobe/semaphore.ts';
import { failureOf } from './test-videos.ts';

const { signal } = new AbortController();
/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

it('admits two at once, the others in order', async () => {
  const semaphore = new Semaphore(2);
  const inside: number[] = [];
  const ends: (() => void)[] = [];
  const enter = async (number: number) => {
    using _ = await semaphore.acquire(signal);
    inside.push(number);
    await new Promise<void>((resolve) => ends.push(resolve));
  };
  const all = [1, 2, 3, 4].map(enter);
  await settle();
  expect(inside).toEqual([1, 2]);
  ends[1]?.();
  await settle();
  expect(inside).toEqual([1, 2, 3]);
  ends[0]?.();
  await settle();
  expect(inside).toEqual([1, 2, 3, 4]);
  for (const end of ends) end();
  await Promise.all(all);
});

it('passes a permit on when its holder fails', async () => {
  const semaphore = new Semaphore(1);
  const failing = async () => {
    using _ = await semaphore.acquire(signal);
    await settle();
    throw new Error('failed');
  };
  const next = Promise.allSettled([failing(), failing()]);
  using _ = await semaphore.acquire(signal);
  expect((await next).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('stops waiting on the signal, with its reason, and admits the next in line', async () => {
  const semaphore = new Semaphore(1);
  const first = await semaphore.acquire(signal);
  const controller = new AbortController();
  const aborted = failureOf(semaphore.acquire(controller.signal));
  const later = semaphore.acquire(signal);
  const reason = new Error('shutdown');
  controller.abort(reason);
  expect(await aborted).toBe(reason);
  first[Symbol.dispose]();
  (await later)[Symbol.dispose]();
  expect(await failureOf(semaphore.acquire(controller.signal))).toBe(reason);
});
