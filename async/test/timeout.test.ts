import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TimeoutError, waitAtMost, withTimeout } from '../timeout.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = () => new Promise<string>(() => {});

describe('withTimeout', () => {
  it('returns the value, and clears its timer', async () => {
    expect(await withTimeout(Promise.resolve('value'), 100)).toBe('value');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('throws the error of the promise, and clears its timer', async () => {
    await expect(withTimeout(Promise.reject(new Error('failed')), 100)).rejects.toThrow('failed');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('throws TimeoutError when the time is up, not before', async () => {
    const settled = vi.fn();
    const result = withTimeout(never(), 100).catch((error: unknown) => {
      settled();
      return error;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    const error = await result;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(String(error)).toBe('TimeoutError: no response within 100 ms');
  });

  it('ignores an error after the timeout', async () => {
    const late = Promise.withResolvers<string>();
    const result = withTimeout(late.promise, 100).catch(String);
    await vi.advanceTimersByTimeAsync(100);
    late.reject(new Error('late'));
    expect(await result).toContain('no response');
  });
});

describe('waitAtMost', () => {
  it('returns the value', async () => {
    expect(await waitAtMost(Promise.resolve('value'), 100)).toBe('value');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('throws the error of the promise', async () => {
    await expect(waitAtMost(Promise.reject(new Error('failed')), 100)).rejects.toThrow('failed');
  });

  it('returns undefined when the time is up', async () => {
    const result = waitAtMost(never(), 100);
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toBeUndefined();
  });
});
