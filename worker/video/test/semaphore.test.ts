import { expect, it } from 'vitest';
import { Semaphore } from '../ffprobe/semaphore.ts';
import { failureOf } from './open-video.ts';

const { signal } = new AbortController();
/** Lets everything that can go on do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

it('lets so many in at once, the others in the order they came', async () => {
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

it('hands a turn on when its holder fails', async () => {
  const semaphore = new Semaphore(1);
  const failing = async () => {
    using _ = await semaphore.acquire(signal);
    await settle();
    throw new Error('no luck');
  };
  const next = Promise.allSettled([failing(), failing()]);
  using _ = await semaphore.acquire(signal);
  expect((await next).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('is left by the signal with its reason, and nobody waits for who has left', async () => {
  const semaphore = new Semaphore(1);
  const first = await semaphore.acquire(signal);
  const controller = new AbortController();
  const gone = failureOf(semaphore.acquire(controller.signal));
  const later = semaphore.acquire(signal);
  const reason = new Error('the worker is going down');
  controller.abort(reason);
  expect(await gone).toBe(reason);
  first[Symbol.dispose]();
  (await later)[Symbol.dispose]();
  expect(await failureOf(semaphore.acquire(controller.signal))).toBe(reason);
});
