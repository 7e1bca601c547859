import { describe, expect, it } from 'vitest';
import { VideoTooLarge } from '../../errors.ts';
import { createVideoReader, windowBytes } from '../http/range-reader.ts';
import { failureOf, openStack, pattern } from './open-video.ts';

const long = pattern(5 * windowBytes + 100);
const files = { 'long.mp4': long, 'short.mp4': long.subarray(0, 1000), 'empty.mp4': new Uint8Array() };

/** A body that is left comes in pieces of this size at most. */
const socketChunk = 64 * 1024;
const ranges = (server: { requests: { range: string | undefined }[] }) => server.requests.map(({ range }) => range);

describe('reading a video', () => {
  it('opens with one bounded range that brings the size and the first window', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4');
    const head = await video.read(0, windowBytes);
    expect(Buffer.compare(head, long.subarray(0, windowBytes))).toBe(0);
    expect(video.size).toBe(long.length);
    expect(ranges(house.server)).toEqual(['bytes=0-16383']);
    expect(house.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it('answers small reads from what it has', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4');
    for (let start = 0; start < 500; start += 7) {
      expect(Buffer.compare(await video.read(start, start + 12), long.subarray(start, start + 12))).toBe(0);
    }
    expect(video.requests).toBe(1);
  });

  it('spans several windows with one request for those it lacks', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4');
    const bytes = await video.read(100, 3 * windowBytes + 1);
    expect(Buffer.compare(bytes, long.subarray(100, 3 * windowBytes + 1))).toBe(0);
    expect(ranges(house.server)).toEqual(['bytes=0-16383', 'bytes=16384-65535']);
  });

  it('fetches around a window it has', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4');
    await video.read(2 * windowBytes, 2 * windowBytes + 1);
    const bytes = await video.read(0, 4 * windowBytes);
    expect(Buffer.compare(bytes, long.subarray(0, 4 * windowBytes))).toBe(0);
    expect(ranges(house.server).slice(2)).toEqual(['bytes=16384-32767', 'bytes=49152-65535']);
  });

  it('fetches ahead of one who reads on and on, as much again each time', async () => {
    const files = { 'huge.mp4': pattern(100 * windowBytes) };
    await using house = await openStack({ files });
    const video = await house.open('huge.mp4');
    for (let at = 0; at < 100 * windowBytes; at += 1000) {
      const bytes = await video.read(at, at + 1000);
      expect(Buffer.compare(bytes, files['huge.mp4'].subarray(at, at + 1000))).toBe(0);
    }
    const lengths = ranges(house.server).map((range) => {
      const [start = 0, end = 0] = (range ?? '').slice(6).split('-').map(Number);
      return (end + 1 - start) / windowBytes;
    });
    expect(lengths).toEqual([1, 1, 2, 4, 8, 16, 16, 16, 16, 16, 4]);
    expect(house.meter.bytesFetched).toBe(100 * windowBytes);
  });

  it('fetches ahead no further than the budget goes', async () => {
    await using house = await openStack({ files, byteBudget: 5 * windowBytes });
    const video = await house.open('long.mp4');
    for (let index = 0; index < 5; index += 1) await video.read(index * windowBytes, index * windowBytes + 1);
    expect(house.meter).toEqual({ bytesFetched: 5 * windowBytes, requests: 4 });
  });

  it('fetches a window once for two reads at the same time', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4');
    const [first, second] = await Promise.all([
      video.read(windowBytes, windowBytes + 10),
      video.read(windowBytes + 5, windowBytes + 20),
    ]);
    expect(Buffer.compare(first, long.subarray(windowBytes, windowBytes + 10))).toBe(0);
    expect(Buffer.compare(second, long.subarray(windowBytes + 5, windowBytes + 20))).toBe(0);
    expect(video.requests).toBe(2);
  });

  it('cuts a read at the end of the file', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4');
    const tail = await video.read(long.length - 10, long.length + 1000);
    expect(Buffer.compare(tail, long.subarray(-10))).toBe(0);
    expect(await video.read(long.length, long.length + 5)).toHaveLength(0);
    expect(ranges(house.server).at(-1)).toBe(`bytes=81920-${long.length - 1}`);
  });

  it('reads a file shorter than a window, and an empty one', async () => {
    await using house = await openStack({ files });
    const short = await house.open('short.mp4');
    expect(short.size).toBe(1000);
    expect(await short.read(0, windowBytes)).toHaveLength(1000);
    const empty = await house.open('empty.mp4');
    expect(empty.size).toBe(0);
    expect(await empty.read(0, windowBytes)).toHaveLength(0);
    expect(house.server.requests).toHaveLength(2);
  });

  it('uses one connection for many videos', async () => {
    await using house = await openStack({ files });
    for (let turn = 0; turn < 5; turn += 1) {
      await house.open('long.mp4');
      await failureOf(house.open('long.mp4', 'missing'));
      await house.open('long.mp4', 'redirect-same');
    }
    expect(house.server.requests).toHaveLength(20);
    expect(house.server.connections).toBe(1);
  });
});

describe('the byte budget', () => {
  it('is not exceeded by a range that would not fit', async () => {
    await using house = await openStack({ files, byteBudget: 3 * windowBytes });
    const video = await house.open('long.mp4');
    expect(await failureOf(video.read(windowBytes, 4 * windowBytes))).toBeInstanceOf(VideoTooLarge);
    expect(house.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
    await video.read(windowBytes, 3 * windowBytes);
    expect(await failureOf(video.read(4 * windowBytes, 4 * windowBytes + 1))).toBeInstanceOf(VideoTooLarge);
    expect(house.meter.bytesFetched).toBe(3 * windowBytes);
  });

  it('stops a body without end', async () => {
    await using house = await openStack({ files, byteBudget: 4 * windowBytes });
    expect(await failureOf(house.open('long.mp4', 'endless'))).toBeInstanceOf(VideoTooLarge);
    expect(house.meter.bytesFetched).toBeLessThanOrEqual(4 * windowBytes + socketChunk);
  });

  it('counts from each opening, though the meter goes on', async () => {
    await using house = await openStack({ files, byteBudget: windowBytes });
    await house.open('long.mp4');
    await house.open('long.mp4');
    expect(house.meter).toEqual({ bytesFetched: 2 * windowBytes, requests: 2 });
  });

  it('cannot be too small for any video', () => {
    const client = { origin: 'http://127.0.0.1:8080', connections: 1, timeoutMs: 1000 };
    expect(() => createVideoReader({ ...client, byteBudget: windowBytes - 1 })).toThrow(RangeError);
  });
});

describe('a server without ranges', () => {
  it('is left as soon as the first window is there', async () => {
    const files = { 'huge.mp4': pattern(8 * 1024 * 1024) };
    await using house = await openStack({ files });
    const video = await house.open('huge.mp4', 'rangeless');
    expect(video.size).toBe(files['huge.mp4'].length);
    expect(video.bytesFetched).toBeLessThanOrEqual(windowBytes + socketChunk);
    await house.server.idle();
  });

  it('is read from its start again for what lies further on', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4', 'rangeless');
    const tail = await video.read(long.length - 10, long.length);
    expect(Buffer.compare(tail, long.subarray(-10))).toBe(0);
    const middle = await video.read(windowBytes, 5 * windowBytes);
    expect(Buffer.compare(middle, long.subarray(windowBytes, 5 * windowBytes))).toBe(0);
    expect(video.requests).toBe(2);
  });

  it('is asked twice as much each time', async () => {
    const files = { 'huge.mp4': pattern(64 * windowBytes) };
    await using house = await openStack({ files, byteBudget: 256 * windowBytes });
    const video = await house.open('huge.mp4', 'rangeless');
    for (let index = 0; index < 64; index += 1) await video.read(index * windowBytes, (index + 1) * windowBytes);
    expect(video.requests).toBeLessThanOrEqual(7);
  });

  it('is not asked for what the budget cannot bring from the start', async () => {
    await using house = await openStack({ files, byteBudget: 5 * windowBytes });
    const video = await house.open('long.mp4', 'rangeless');
    const before = video.requests;
    expect(await failureOf(video.read(5 * windowBytes, 5 * windowBytes + 1))).toBeInstanceOf(VideoTooLarge);
    expect(video.requests).toBe(before);
  });

  it('tells the size at the end when it does not tell it before', async () => {
    await using house = await openStack({ files });
    const video = await house.open('long.mp4', 'unsized');
    expect(video.size).toBe(long.length);
    const tail = await video.read(long.length - 10, long.length);
    expect(Buffer.compare(tail, long.subarray(-10))).toBe(0);
    expect(video.requests).toBe(1);
  });
});
