import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undetectedSandbox } from '../../sandbox/sandbox.ts';
import { probe } from '../../video/probe.ts';
import { failureOf, fixture, inMemory, openTestVideos, sample } from '../../video/test/test-videos.ts';
import type { OpenVideo, VideoFacts } from '../../video/types.ts';
import { makePicture } from '../decode.ts';
import { PICTURE_LIMITS } from '../decoder.ts';
import { PictureError } from '../error.ts';
import { firstKeyFrame } from '../key-frame.ts';
import { testDecoder, timeoutMs } from './pictures.ts';

const decoder = await testDecoder();
const signal = new AbortController().signal;
let folder: string;
let temporaryFolder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'picture-failure-'));
  temporaryFolder = join(folder, 'temporary');
  await mkdir(temporaryFolder);
});
afterEach(async () => {
  expect(await readdir(temporaryFolder)).toEqual([]);
  await rm(folder, { recursive: true });
});

const factsOf = async (bytes: Buffer) => (await probe(inMemory(bytes), { timeoutMs, signal })).facts;

async function failure(bytes: Buffer, facts: VideoFacts): Promise<unknown> {
  if (decoder === undefined) throw new Error('there is no decoder');
  return failureOf(makePicture(inMemory(bytes), facts, { ...decoder, timeoutMs, signal, temporaryFolder }));
}

/** Returns where the first key frame of a video is. */
async function frameOf(bytes: Buffer, facts: VideoFacts): Promise<{ start: number; end: number }> {
  let last = { start: 0, end: 0 };
  const video = inMemory(bytes);
  const read: OpenVideo['read'] = (start, end) => {
    last = { start, end };
    return video.read(start, end);
  };
  await firstKeyFrame({ ...video, size: video.size, read }, facts);
  return last;
}

describe.skipIf(decoder === undefined)('a damaged first key frame', () => {
  it.each(['test_2.mp4', 'test_1.avi', 'test_4.mkv', 'test_5.webm'])('of %s yields no picture', async (name) => {
    const bytes = sample(name);
    const facts = await factsOf(bytes);
    const { start, end } = await frameOf(bytes, facts);
    const middle = Math.floor((start + end) / 2);
    const gap = Buffer.from(bytes).fill(0, middle, middle + 512);
    expect(await failure(gap, facts)).toMatchObject({ name: 'PictureError', reason: 'frame_damaged' });
    const noStart = Buffer.from(bytes).fill(0, start, start + 40);
    expect(await failure(noStart, facts)).toMatchObject({ name: 'PictureError', reason: 'frame_damaged' });
  });

  it('that the end of the file cuts yields no picture', async () => {
    const bytes = sample('test_2.mp4');
    const facts = await factsOf(bytes);
    const { start, end } = await frameOf(bytes, facts);
    const cut = bytes.subarray(0, Math.floor((start + end) / 2));
    expect(await failure(cut, facts)).toMatchObject({ reason: 'frame_damaged' });
  });

  it('of another size than reported yields no picture', async () => {
    const facts = await factsOf(fixture('h264.mp4'));
    const error = await failure(fixture('two-video-streams.mp4'), facts);
    expect(error).toMatchObject({ reason: 'frame_damaged', message: expect.stringContaining('320x180') });
  });

  it('in a file that is no video at all is not found', async () => {
    const facts = await factsOf(fixture('h264.mp4'));
    expect(await failure(fixture('html.mp4'), facts)).toMatchObject({ reason: 'frame_not_found' });
  });
});

describe('the bytes of a picture', () => {
  it.each(['test_1.avi', 'test_2.mp4', 'test_3.mov', 'test_4.mkv', 'test_5.webm'])(
    'of %s take at most one request more than its resolution',
    async (name) => {
      await using videos = await openTestVideos({ files: { [name]: sample(name) } });
      const video = await videos.open(name);
      const { facts } = await probe(video, { timeoutMs, signal });
      const before = { ...videos.meter };
      await firstKeyFrame(video, facts);
      expect(videos.meter.requests - before.requests).toBeLessThanOrEqual(1);
      expect(videos.meter.bytesFetched - before.bytesFetched).toBeLessThanOrEqual(512 * 1024);
    },
  );

  it('are limited', async () => {
    const bytes = sample('test_2.mp4');
    const facts = { ...(await factsOf(bytes)), container: 'mp4' as const };
    const large = Buffer.from(bytes);
    const sizes = large.indexOf('stsz') + 16;
    large.writeUInt32BE(600_000, sizes);
    const padded = Buffer.concat([large, Buffer.alloc(700_000)]);
    expect(await failureOf(firstKeyFrame(inMemory(padded), facts))).toMatchObject({ reason: 'frame_too_large' });
  });
});

describe('an ffmpeg that misbehaves', () => {
  async function run(script: string, { limitMs = timeoutMs, signal = new AbortController().signal } = {}) {
    const ffmpegPath = join(folder, 'ffmpeg');
    await writeFile(ffmpegPath, `#!/bin/sh\nfolder='${folder}'\n${script}\n`);
    await chmod(ffmpegPath, 0o755);
    const bytes = fixture('h264.mp4');
    const sandbox = undetectedSandbox(PICTURE_LIMITS);
    const options = { ffmpegPath, sandbox, timeoutMs: limitMs, signal, temporaryFolder };
    return failureOf(makePicture(inMemory(bytes), await factsOf(bytes), options));
  }

  it.each([
    ['crashes', 'kill -SEGV $$', 'decoder_failed'],
    ['is killed', 'kill -KILL $$', 'decoder_failed'],
    ['prints endlessly', 'exec /usr/bin/yes', 'decoder_failed'],
    ['prints no picture', 'echo hello', 'decoder_failed'],
    ['prints nothing', 'exit 0', 'frame_damaged'],
    ['reports an error but no failure', 'echo RIFF; echo concealing errors >&2', 'frame_damaged'],
  ])('and %s yields no picture', async (_, script, reason) => {
    expect(await run(script)).toMatchObject({ name: 'PictureError', reason });
  });

  const waiting = '/bin/sleep 600 & echo $! > $folder/number; /bin/mv $folder/number $folder/child; wait';

  it('and hangs is killed with its children after the timeout', async () => {
    const error = await run(waiting, { limitMs: 2000 });
    expect(error).toBeInstanceOf(PictureError);
    expect(error).toHaveProperty('reason', 'decoder_timeout');
    await expect.poll(hasEnded, { timeout: 50_000 }).toBe(true);
  });

  it('is killed with its children by the signal', async () => {
    const controller = new AbortController();
    const error = run(waiting, { signal: controller.signal });
    await expect.poll(() => readdir(folder), { interval: 10, timeout: 50_000 }).toContain('child');
    const reason = new Error('shutdown');
    controller.abort(reason);
    expect(await error).toBe(reason);
    await expect.poll(hasEnded, { timeout: 50_000 }).toBe(true);
  });

  it('and does not exist is a failure of the environment', async () => {
    const bytes = fixture('h264.mp4');
    const options = { ffmpegPath: join(folder, 'nowhere'), timeoutMs, signal, temporaryFolder };
    const sandbox = undetectedSandbox(PICTURE_LIMITS);
    const error = await failureOf(makePicture(inMemory(bytes), await factsOf(bytes), { ...options, sandbox }));
    expect(error).not.toBeInstanceOf(PictureError);
    expect(error).toHaveProperty('cause.syscall', 'exec');
  });

  async function hasEnded(): Promise<boolean> {
    const stat = join('/proc', (await readFile(join(folder, 'child'), 'utf8')).trim(), 'stat');
    return /\) [ZX]/.test(await readFile(stat, 'utf8').catch(() => ') Z'));
  }
});
