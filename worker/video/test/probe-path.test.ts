import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { VideoUnreadable } from '../../errors.ts';
import { probe } from '../probe.ts';
import { junked } from './altered-videos.ts';
import { failureOf, fixture, openHouse } from './open-house.ts';

const { signal } = new AbortController();
const mebibyte = 1024 * 1024;

async function told(bytes: Buffer, byteBudget = 8 * mebibyte) {
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'probe-path-'));
  onTestFinished(async () => {
    expect(await readdir(temporaryFolder)).toEqual([]);
    await rm(temporaryFolder, { recursive: true });
  });
  await using house = await openHouse({ files: { video: bytes }, byteBudget });
  const { path, facts } = await probe(await house.open('video'), { timeoutMs: 10_000, signal, temporaryFolder });
  return { path, resolution: facts.resolution, ...house.meter };
}

/** An AVI of a codec that only ffprobe reads, its header behind `length` bytes, and as many zeros behind it. */
function late(length: number, behind = 0): Buffer {
  return Buffer.concat([junked('mpeg2.avi', length), Buffer.alloc(behind)]);
}

it.each(['mpeg4.avi', 'h264.mp4', 'moov-at-end.mov', 'mpeg4.mkv', 'vp9.webm'])(
  '%s is read in process',
  async (name) => {
    expect(await told(fixture(name))).toMatchObject({ path: 'in_process', requests: 1 });
  },
);

it('what no reader in process reads, ffprobe does, on its head', async () => {
  expect(await told(late(8000, 10 * mebibyte))).toMatchObject({ path: 'ffprobe', resolution: '128x96' });
});

it('a short file whose head tells nothing is fetched whole', async () => {
  const bytes = late(100_000);
  const { bytesFetched, ...answer } = await told(bytes);
  expect(answer).toMatchObject({ path: 'full_file', resolution: '128x96' });
  expect(bytesFetched).toBe(bytes.length);
});

it('a long one is not: a larger head has to do', async () => {
  const answer = await told(late(200_000, 10 * mebibyte));
  expect(answer).toMatchObject({ path: 'ffprobe', resolution: '128x96' });
  expect(answer.bytesFetched).toBeLessThanOrEqual(mebibyte + 64 * 1024);
});

it('one whose whole is beyond the byte budget is as unreadable as its head', async () => {
  const error = await failureOf(told(late(1_000_000), 256 * 1024));
  expect(error).toBeInstanceOf(VideoUnreadable);
  expect(error).toHaveProperty('message', 'ffprobe cannot read it');
});
