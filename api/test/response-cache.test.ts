import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { KnownVersion } from '#prisma/alert-reads.ts';
import { ResponseCache, type ResponseCacheOptions } from '../alerts/response-cache.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Returns a cache of texts instead of alerts. The version of a text is the text. */
function openCache(options: Partial<ResponseCacheOptions> = {}) {
  const texts = new Map<string, string>();
  /** The numbers of alerts that the checks compared. */
  const checks: number[] = [];
  const findChanged = async (known: KnownVersion[]) => {
    checks.push(known.length);
    return known.filter(({ uuid, version }) => texts.get(uuid) !== version).map(({ uuid }) => uuid);
  };
  const cache = new ResponseCache({ findChanged, ...options });
  const response = (text: string) => ({ store: 'x', etag: text, body: Buffer.from(text), version: text });
  const read = (uuid: string) => {
    const cached = cache.find(uuid);
    if (cached) return cached.body.toString();
    const started = cache.startRead(uuid);
    const text = texts.get(uuid);
    if (text !== undefined) cache.keep(uuid, started, response(text));
    return text;
  };
  return { texts, checks, cache, response, read };
}

it('makes no query before an alert is read twice, and none once nobody has read it for 5 s', async () => {
  const { texts, checks, cache, read } = openCache();
  texts.set('a', 'first').set('b', 'first');
  read('a');
  await vi.advanceTimersByTimeAsync(60_000);
  read('a'); // too long after the first read
  read('b');
  await vi.advanceTimersByTimeAsync(2_000);
  expect([checks, cache.size.entries, vi.getTimerCount()]).toEqual([[], 0, 0]);
  read('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(checks.length).toBe(12);
  expect([cache.size, vi.getTimerCount()]).toEqual([{ entries: 0, bytes: 0 }, 0]);
});

it('returns no response 900 ms after a change, at any time of the change', async () => {
  const { texts, cache, read } = openCache();
  const ages: number[] = [];
  for (let wait = 0; wait < 400; wait += 25) {
    texts.set('a', 'old');
    cache.drop('a');
    read('a');
    read('a');
    await vi.advanceTimersByTimeAsync(500 + wait);
    expect(cache.find('a')?.etag).toBe('old');
    texts.set('a', 'new');
    let age = 0;
    for (; read('a') === 'old'; age += 5) await vi.advanceTimersByTimeAsync(5);
    ages.push(age);
  }
  expect(Math.max(...ages)).toBeLessThanOrEqual(400);
});

it('returns no response 900 ms after the last check began, and none after a failed check', async () => {
  const { promise, reject } = Promise.withResolvers<string[]>();
  const { texts, cache, read } = openCache({ findChanged: () => promise });
  texts.set('a', 'old');
  read('a');
  read('a');
  await vi.advanceTimersByTimeAsync(899);
  expect(cache.find('a')).toBeDefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(cache.find('a')).toBeUndefined();
  reject(new Error('the database is unavailable'));
  await vi.advanceTimersByTimeAsync(0);
  expect([cache.size.entries, vi.getTimerCount()]).toEqual([0, 0]);
});

it('keeps no response that was read before a change of this process', () => {
  const { texts, cache, response, read } = openCache();
  texts.set('a', 'old');
  read('a');
  const started = cache.startRead('a');
  cache.drop('a');
  cache.keep('a', started, response('old'));
  expect(cache.find('a')).toBeUndefined();
});

it('is bounded, and drops what was not read for longest first', () => {
  const { texts, cache, read } = openCache({ maxBytes: 4_000 });
  for (const uuid of ['a', 'b', 'c']) {
    texts.set(uuid, uuid.repeat(1_000));
    read(uuid);
    read(uuid);
    read('a');
  }
  expect(['a', 'b', 'c'].map((uuid) => cache.find(uuid) !== undefined)).toEqual([true, false, true]);
  expect(cache.size.bytes).toBeLessThanOrEqual(4_000);
});
