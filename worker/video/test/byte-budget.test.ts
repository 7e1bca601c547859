import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createVideoReader } from '../http/range-reader.ts';
import { probe } from '../probe.ts';
import { moovWithLongTable, stretched } from './altered-videos.ts';
import { fixture, openTestVideos, sample } from './test-videos.ts';

const options = { timeoutMs: 10_000, signal: new AbortController().signal };
const kibibyte = 1024;

/** A virtual file, whose bytes are generated on request. */
type VirtualFile = { size: number; bytes: (start: number, end: number) => Buffer };

/** ftyp, mdat with a 64-bit size, then `moov`. */
function fileWithMoovAtEnd(size: number, moov: Buffer): VirtualFile {
  const head = Buffer.alloc(40);
  fixture('mpeg4.mp4').copy(head, 0, 0, 24);
  head.writeUInt32BE(24);
  head.writeUInt32BE(1, 24);
  head.write('mdat', 28);
  head.writeBigUInt64BE(BigInt(size - 24 - moov.length), 32);
  return {
    size,
    bytes(start, end) {
      const requested = Buffer.alloc(end - start);
      if (start < head.length) head.copy(requested, 0, start);
      const moovStart = size - moov.length;
      if (end > moovStart) moov.copy(requested, Math.max(0, moovStart - start), Math.max(0, start - moovStart));
      return requested;
    },
  };
}

async function serve({ size, bytes }: VirtualFile): Promise<URL> {
  const server = http.createServer((request, response) => {
    const [start = 0, last = 0] = (request.headers.range ?? '').slice(6).split('-').map(Number);
    const end = Math.min(last + 1, size);
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${size}`, 'content-length': end - start });
    response.end(bytes(start, end));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/long.mp4`);
}

describe('the cost of a probe', () => {
  it.each([
    ['test_1.avi', 1],
    ['test_2.mp4', 1],
    ['test_3.mov', 2],
    ['test_4.mkv', 1],
    ['test_5.webm', 1],
  ])('of the sample %s: %d requests of 16 KiB', async (name, requests) => {
    await using videos = await openTestVideos({ files: { [name]: sample(name) } });
    expect(await probe(await videos.open(name), options)).toMatchObject({ path: 'in_process' });
    expect(videos.meter.requests).toBe(requests);
    expect(videos.meter.bytesFetched).toBeLessThanOrEqual(requests * 16 * kibibyte);
  });

  it('of 20 seconds with moov at the end: three requests, 96 KiB', async () => {
    await using videos = await openTestVideos({ files: { 'a.mov': stretched('moov-at-end.mov', 5_000_000) } });
    expect(await probe(await videos.open('a.mov'), options)).toMatchObject({ facts: { resolution: '240x160' } });
    expect(videos.meter.requests).toBeLessThanOrEqual(3);
    expect(videos.meter.bytesFetched).toBeLessThanOrEqual(96 * kibibyte);
  });

  it('of 5 GB and three hours with moov at the end: two requests, 2.6 MB of tables skipped', async () => {
    const moov = moovWithLongTable('moov-at-end.mov', 324_000);
    expect(moov.length).toBeGreaterThan(2_500_000);
    const meter = { bytesFetched: 0, requests: 0 };
    const url = await serve(fileWithMoovAtEnd(5e9, moov));
    const budget = { byteBudget: 8 * kibibyte ** 2, timeoutMs: 20_000 };
    const reader = createVideoReader({ ...budget, origin: url.origin, connections: 1 });
    onTestFinished(() => reader.close());
    const video = await reader.open(url, { signal: options.signal, meter });
    expect(video.size).toBe(5e9);
    expect(await probe(video, options)).toMatchObject({ path: 'in_process', facts: { resolution: '240x160' } });
    expect(meter.requests).toBe(2);
    expect(meter.bytesFetched).toBeLessThanOrEqual(32 * kibibyte);
  });
});
