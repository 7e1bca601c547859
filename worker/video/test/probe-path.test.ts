import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { VideoUnreadable } from '../../errors.ts';
import { probe } from '../probe.ts';
import { failureOf, fixture, openStack } from './open-video.ts';

const { signal } = new AbortController();
const mebibyte = 1024 * 1024;

async function told(bytes: Buffer, byteBudget = 8 * mebibyte) {
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'probe-path-'));
  onTestFinished(async () => {
    expect(await readdir(temporaryFolder)).toEqual([]);
    await rm(temporaryFolder, { recursive: true });
  });
  await using house = await openStack({ files: { video: bytes }, byteBudget });
  const { path, facts } = await probe(await house.open('video'), { timeoutMs: 10_000, signal, temporaryFolder });
  return { path, resolution: facts.resolution, ...house.meter };
}

/** An AVI of a codec that only ffprobe reads, its header behind so many chunks of 100 bytes, and zeros behind it. */
function late(chunks: number, behind = 0): Buffer {
  const bytes = fixture('mpeg2.avi');
  const junk = Buffer.alloc(100);
  junk.write('JUNK');
  junk.writeUInt32LE(92, 4);
  bytes.writeUInt32LE(bytes.readUInt32LE(4) + 100 * chunks, 4);
  const junks = Array.from({ length: chunks }, () => junk);
  return Buffer.concat([bytes.subarray(0, 12), ...junks, bytes.subarray(12), Buffer.alloc(behind)]);
}

it.each(['mpeg4.avi', 'h264.mp4', 'moov-at-end.mov', 'mpeg4.mkv', 'vp9.webm'])(
  '%s is read in process',
  async (name) => {
    expect(await told(fixture(name))).toMatchObject({ path: 'in_process', requests: 1 });
  },
);

it('what no reader in process reads, ffprobe does, on its head', async () => {
  expect(await told(late(80, 10 * mebibyte))).toMatchObject({ path: 'ffprobe', resolution: '128x96' });
});

// We walk over 1000 chunks, not over more.
it('a short file whose head tells nothing is fetched whole', async () => {
  const bytes = late(1100);
  const { bytesFetched, ...answer } = await told(bytes);
  expect(answer).toMatchObject({ path: 'full_file', resolution: '128x96' });
  expect(bytesFetched).toBe(bytes.length);
});

it('a long one is not: a larger head has to do', async () => {
  const answer = await told(late(2000, 10 * mebibyte));
  expect(answer).toMatchObject({ path: 'ffprobe', resolution: '128x96' });
  expect(answer.bytesFetched).toBeLessThanOrEqual(mebibyte + 64 * 1024);
});

it('one whose whole is beyond the byte budget is as unreadable as its head', async () => {
  const error = await failureOf(told(late(10_000), 256 * 1024));
  expect(error).toBeInstanceOf(VideoUnreadable);
  expect(error).toHaveProperty('message', 'ffprobe cannot read the file');
});
