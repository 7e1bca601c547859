import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { untilAborted } from '../until-aborted.ts';

const never = new Promise<never>(() => {});

it('returns the value, passes errors on, and leaves no listener', async () => {
  const { signal } = new AbortController();
  await expect(untilAborted(Promise.resolve(7), signal)).resolves.toBe(7);
  await expect(untilAborted(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('throws the reason when the signal aborts, later or before', async () => {
  const controller = new AbortController();
  const result = untilAborted(never, controller.signal);
  controller.abort(new Error('stop'));
  await expect(result).rejects.toThrow('stop');
  await expect(untilAborted(never, controller.signal)).rejects.toThrow('stop');
  await expect(untilAborted(never, controller.signal, () => new Error('late'))).rejects.toThrow('late');
});
