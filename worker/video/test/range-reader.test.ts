import { describe, expect, it } from 'vitest';
import { VideoTooLarge } from '../../errors.ts';
import { createVideoReader, windowBytes } from '../http/range-reader.ts';
import { failureOf, openTestVideos, pattern } from './test-videos.ts';

const long = pattern(5 * windowBytes + 100);
const files = { 'long.mp4': long, 'short.mp4': long.subarray(0, 1000), 'empty.mp4': new Uint8Array() };

/** The most that one socket read adds to an abandoned body. */
const socketChunk = 64 * 1024;
const ranges = (server: { requests: { range: string | undefined }[] }) => server.requests.map(({ range }) => range);

describe('reading a video', () => {
  it('opens with one bounded range that returns the size and the first window', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4');
    const head = await video.read(0, windowBytes);
    expect(Buffer.compare(head, long.subarray(0, windowBytes))).toBe(0);
    expect(video.size).toBe(long.length);
    expect(ranges(videos.server)).toEqual(['bytes=0-16383']);
    expect(videos.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it('serves small reads from its cache', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4');
    for (let start = 0; start < 500; start += 7) {
      expect(Buffer.compare(await video.read(start, start + 12), long.subarray(start, start + 12))).toBe(0);
    }
    expect(video.requests).toBe(1);
  });

  it('fetches several missing windows with one request', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4');
    const bytes = await video.read(100, 3 * windowBytes + 1);
    expect(Buffer.compare(bytes, long.subarray(100, 3 * windowBytes + 1))).toBe(0);
    expect(ranges(videos.server)).toEqual(['bytes=0-16383', 'bytes=16384-65535']);
  });

  it('fetches around a cached window', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4');
    await video.read(2 * windowBytes, 2 * windowBytes + 1);
    const bytes = await video.read(0, 4 * windowBytes);
    expect(Buffer.compare(bytes, long.subarray(0, 4 * windowBytes))).toBe(0);
    expect(ranges(videos.server).slice(2)).toEqual(['bytes=16384-32767', 'bytes=49152-65535']);
  });

  it('doubles its read-ahead during sequential reads', async () => {
    const files = { 'huge.mp4': pattern(100 * windowBytes) };
    await using videos = await openTestVideos({ files });
    const video = await videos.open('huge.mp4');
    for (let at = 0; at < 100 * windowBytes; at += 1000) {
      const bytes = await video.read(at, at + 1000);
      expect(Buffer.compare(bytes, files['huge.mp4'].subarray(at, at + 1000))).toBe(0);
    }
    const lengths = ranges(videos.server).map((range) => {
      const [start = 0, end = 0] = (range ?? '').slice(6).split('-').map(Number);
      return (end + 1 - start) / windowBytes;
    });
    expect(lengths).toEqual([1, 1, 2, 4, 8, 16, 16, 16, 16, 16, 4]);
    expect(videos.meter.bytesFetched).toBe(100 * windowBytes);
  });

  it('reads ahead no further than the budget allows', async () => {
    await using videos = await openTestVideos({ files, byteBudget: 5 * windowBytes });
    const video = await videos.open('long.mp4');
    for (let index = 0; index < 5; index += 1) await video.read(index * windowBytes, index * windowBytes + 1);
    expect(videos.meter).toEqual({ bytesFetched: 5 * windowBytes, requests: 4 });
  });

  it('fetches a window once for two concurrent reads', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4');
    const [first, second] = await Promise.all([
      video.read(windowBytes, windowBytes + 10),
      video.read(windowBytes + 5, windowBytes + 20),
    ]);
    expect(Buffer.compare(first, long.subarray(windowBytes, windowBytes + 10))).toBe(0);
    expect(Buffer.compare(second, long.subarray(windowBytes + 5, windowBytes + 20))).toBe(0);
    expect(video.requests).toBe(2);
  });

  it('cuts a read at the end of the file', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4');
    const tail = await video.read(long.length - 10, long.length + 1000);
    expect(Buffer.compare(tail, long.subarray(-10))).toBe(0);
    expect(await video.read(long.length, long.length + 5)).toHaveLength(0);
    expect(ranges(videos.server).at(-1)).toBe(`bytes=81920-${long.length - 1}`);
  });

  it('reads a file shorter than a window, and an empty one', async () => {
    await using videos = await openTestVideos({ files });
    const short = await videos.open('short.mp4');
    expect(short.size).toBe(1000);
    expect(await short.read(0, windowBytes)).toHaveLength(1000);
    const empty = await videos.open('empty.mp4');
    expect(empty.size).toBe(0);
    expect(await empty.read(0, windowBytes)).toHaveLength(0);
    expect(videos.server.requests).toHaveLength(2);
    // The error page of the 416 for the empty file was read, so that its connection can be reused.
    await videos.open('short.mp4');
    expect(videos.server.connections).toBe(1);
  });

  it('uses one connection for many videos', async () => {
    await using videos = await openTestVideos({ files });
    for (let round = 0; round < 5; round += 1) {
      await videos.open('long.mp4');
      await failureOf(videos.open('long.mp4', 'missing'));
      await videos.open('long.mp4', 'redirect-same');
    }
    expect(videos.server.requests).toHaveLength(20);
    expect(videos.server.connections).toBe(1);
  });
});

describe('the byte budget', () => {
  it('is not exceeded by a range that would not fit', async () => {
    await using videos = await openTestVideos({ files, byteBudget: 3 * windowBytes });
    const video = await videos.open('long.mp4');
    expect(await failureOf(video.read(windowBytes, 4 * windowBytes))).toBeInstanceOf(VideoTooLarge);
    expect(videos.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
    await video.read(windowBytes, 3 * windowBytes);
    expect(await failureOf(video.read(4 * windowBytes, 4 * windowBytes + 1))).toBeInstanceOf(VideoTooLarge);
    expect(videos.meter.bytesFetched).toBe(3 * windowBytes);
  });

  it('stops an endless body', async () => {
    await using videos = await openTestVideos({ files, byteBudget: 4 * windowBytes });
    expect(await failureOf(videos.open('long.mp4', 'endless'))).toBeInstanceOf(VideoTooLarge);
    expect(videos.meter.bytesFetched).toBeLessThanOrEqual(4 * windowBytes + socketChunk);
  });

  it('starts again with each opening, though the meter adds up', async () => {
    await using videos = await openTestVideos({ files, byteBudget: windowBytes });
    await videos.open('long.mp4');
    await videos.open('long.mp4');
    expect(videos.meter).toEqual({ bytesFetched: 2 * windowBytes, requests: 2 });
  });

  it('cannot be too small for any video', () => {
    const client = { origin: 'http://127.0.0.1:8080', connections: 1, timeoutMs: 1000 };
    expect(() => createVideoReader({ ...client, byteBudget: windowBytes - 1 })).toThrow(RangeError);
  });
});

describe('a server without ranges', () => {
  it('is disconnected as soon as the first window has arrived', async () => {
    const files = { 'huge.mp4': pattern(8 * 1024 * 1024) };
    await using videos = await openTestVideos({ files });
    const video = await videos.open('huge.mp4', 'rangeless');
    expect(video.size).toBe(files['huge.mp4'].length);
    expect(video.bytesFetched).toBeLessThanOrEqual(windowBytes + socketChunk);
    await videos.server.idle();
  });

  it('is read from the start again for later bytes', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4', 'rangeless');
    const tail = await video.read(long.length - 10, long.length);
    expect(Buffer.compare(tail, long.subarray(-10))).toBe(0);
    const middle = await video.read(windowBytes, 5 * windowBytes);
    expect(Buffer.compare(middle, long.subarray(windowBytes, 5 * windowBytes))).toBe(0);
    expect(video.requests).toBe(2);
  });

  it('gets a request for twice as much each time', async () => {
    const files = { 'huge.mp4': pattern(64 * windowBytes) };
    await using videos = await openTestVideos({ files, byteBudget: 256 * windowBytes });
    const video = await videos.open('huge.mp4', 'rangeless');
    for (let index = 0; index < 64; index += 1) await video.read(index * windowBytes, (index + 1) * windowBytes);
    expect(video.requests).toBeLessThanOrEqual(7);
  });

  it('gets no request for bytes beyond what the budget allows from the start', async () => {
    await using videos = await openTestVideos({ files, byteBudget: 5 * windowBytes });
    const video = await videos.open('long.mp4', 'rangeless');
    const before = video.requests;
    expect(await failureOf(video.read(5 * windowBytes, 5 * windowBytes + 1))).toBeInstanceOf(VideoTooLarge);
    expect(video.requests).toBe(before);
  });

  it('reveals the size at the end of the body if no header states it', async () => {
    await using videos = await openTestVideos({ files });
    const video = await videos.open('long.mp4', 'unsized');
    expect(video.size).toBe(long.length);
    const tail = await video.read(long.length - 10, long.length);
    expect(Buffer.compare(tail, long.subarray(-10))).toBe(0);
    expect(video.requests).toBe(1);
  });
});
