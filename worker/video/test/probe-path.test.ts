import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { VideoUnreadable } from '../../errors.ts';
import { probe } from '../probe.ts';
import { failureOf, fixture, openTestVideos } from './test-videos.ts';

const { signal } = new AbortController();
const mebibyte = 1024 * 1024;

async function probeBytes(bytes: Buffer, byteBudget = 8 * mebibyte) {
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'probe-path-'));
  onTestFinished(async () => {
    expect(await readdir(temporaryFolder)).toEqual([]);
    await rm(temporaryFolder, { recursive: true });
  });
  await using videos = await openTestVideos({ files: { video: bytes }, byteBudget });
  const { path, facts } = await probe(await videos.open('video'), { timeoutMs: 10_000, signal, temporaryFolder });
  return { path, resolution: facts.resolution, ...videos.meter };
}

/** An AVI with a codec that only ffprobe reads: `chunks` chunks of 100 bytes before its header, `zeros` bytes after it. */
function lateHeader(chunks: number, zeros = 0): Buffer {
  const bytes = fixture('mpeg2.avi');
  const junk = Buffer.alloc(100);
  junk.write('JUNK');
  junk.writeUInt32LE(92, 4);
  bytes.writeUInt32LE(bytes.readUInt32LE(4) + 100 * chunks, 4);
  const junks = Array.from({ length: chunks }, () => junk);
  return Buffer.concat([bytes.subarray(0, 12), ...junks, bytes.subarray(12), Buffer.alloc(zeros)]);
}

it.each(['mpeg4.avi', 'h264.mp4', 'moov-at-end.mov', 'mpeg4.mkv', 'vp9.webm'])(
  '%s is read in process',
  async (name) => {
    expect(await probeBytes(fixture(name))).toMatchObject({ path: 'in_process', requests: 1 });
  },
);

it('what no parser in this process reads, ffprobe reads from the head of the file', async () => {
  expect(await probeBytes(lateHeader(80, 10 * mebibyte))).toMatchObject({ path: 'ffprobe', resolution: '128x96' });
});

// The parser follows at most 1000 chunks.
it('a short file whose head does not suffice is fetched whole', async () => {
  const bytes = lateHeader(1100);
  const { bytesFetched, ...result } = await probeBytes(bytes);
  expect(result).toMatchObject({ path: 'full_file', resolution: '128x96' });
  expect(bytesFetched).toBe(bytes.length);
});

it('a long file is not: a larger head must suffice', async () => {
  const result = await probeBytes(lateHeader(2000, 10 * mebibyte));
  expect(result).toMatchObject({ path: 'ffprobe', resolution: '128x96' });
  expect(result.bytesFetched).toBeLessThanOrEqual(mebibyte + 64 * 1024);
});

it('a file beyond the byte budget is as unreadable as its head', async () => {
  const error = await failureOf(probeBytes(lateHeader(10_000), 256 * 1024));
  expect(error).toBeInstanceOf(VideoUnreadable);
  expect(error).toHaveProperty('message', 'ffprobe cannot read the file');
});
