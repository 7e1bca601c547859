import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { VideoUnreadable } from '../../errors.ts';
import { detectStream } from '../containers/streams.ts';
import { probe } from '../probe.ts';
import { failureOf, fixture, openTestVideos } from './test-videos.ts';

const run = promisify(execFile);
const ffmpeg = await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);
const options = { timeoutMs: 30_000, signal: new AbortController().signal };

async function probed(bytes: Buffer, anyContent = true) {
  await using videos = await openTestVideos({ files: { 'video.mp4': bytes } });
  const { facts, path } = await probe(await videos.open('video.mp4'), { ...options, anyContent });
  const { resolution, codec, container, duration } = facts;
  return { path, resolution, codec, container, duration, ...videos.meter };
}

describe('a stream', () => {
  it.each([
    ['mpeg-ps.mp4', fixture('mpeg-ps.mp4'), 'mpegps'],
    ["a recorder's header before the first pack", withRecorderHeader(fixture('mpeg-ps.mp4')), 'mpegps'],
    ["a recorder's header before anything else", withRecorderHeader(fixture('h264.mp4')), undefined],
    ['packets of 188 bytes', Buffer.alloc(564, 'G\0\0'.padEnd(188, 'x')), 'mpegts'],
    ['packets of 192 bytes', Buffer.alloc(576, 'timeG\0\0'.padEnd(192, 'x')), 'mpegts'],
    ['one packet', Buffer.alloc(188, 'G\0\0'.padEnd(188, 'x')), undefined],
    ['a parameter set after a delimiter', Buffer.from('0000000109f00000000167640028', 'hex'), 'h264'],
    ['a frame without a parameter set', Buffer.from('00000001654000000167', 'hex'), undefined],
    ['MPEG-4', Buffer.from('000001b001000001b5', 'hex'), undefined],
    ['nothing', Buffer.alloc(0), undefined],
  ])('%s: is %s', (_, bytes, format) => {
    expect(detectStream(bytes)).toBe(format);
  });
});

describe.skipIf('missing' in ffmpeg)('a file that is none of the five containers', () => {
  const files = new Map<string, Buffer>();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'streams-'));
    const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '10'];
    await make('ps', ...h264, '-f', 'mpeg');
    await make('mpeg2', '-c:v', 'mpeg2video', '-r', '25', '-f', 'vob');
    await make('ts', ...h264, '-f', 'mpegts');
    await make('m2ts', ...h264, '-f', 'mpegts', '-mpegts_m2ts_mode', '1');
    await make('flv', ...h264, '-f', 'flv');
    await make('asf', '-c:v', 'wmv2', '-f', 'asf');
    await make('h264', ...h264, '-f', 'h264');
    files.set('imkh', withRecorderHeader(file('ps')));
  });

  afterAll(() => rm(folder, { recursive: true }));

  async function make(name: string, ...args: string[]): Promise<void> {
    if ('missing' in ffmpeg) return;
    const path = join(folder, name);
    const input = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=322x178:rate=5:duration=4'];
    await run(ffmpeg.path, [...input, ...args, path]);
    files.set(name, await readFile(path));
  }

  function file(name: string): Buffer {
    return files.get(name) ?? Buffer.alloc(0);
  }

  it.each([
    ['ps', 'h264', 'mpegps', 4],
    ['imkh', 'h264', 'mpegps', 4],
    ['mpeg2', 'mpeg2video', 'mpegps', 4],
    ['ts', 'h264', 'mpegts', 4],
    ['m2ts', 'h264', 'mpegts', 4],
    ['flv', 'h264', 'flv', 4],
    ['asf', 'wmv2', 'asf', 4],
    ['h264', 'h264', 'h264', null],
  ])('%s: is read with VIDEO_CONTENT=any, whatever its name', async (name, codec, container, duration) => {
    const result = await probed(file(name));
    expect(result).toMatchObject({ path: 'ffprobe', resolution: '322x178', codec, container });
    // A frame more or less: some formats state when the last frame begins, not when it ends.
    if (duration === null) expect(result.duration).toBe(null);
    else expect(Math.abs((result.duration ?? 0) - duration)).toBeLessThan(0.5);
  });

  it.each(['ps', 'ts'])('%s: of 20 MB costs less than 1 MB', async (name) => {
    const bytes = file(name);
    const long = Buffer.alloc(bytes.length * Math.ceil(20_000_000 / bytes.length), bytes);
    const result = await probed(long);
    expect(result).toMatchObject({ path: 'ffprobe', resolution: '322x178' });
    expect(result.bytesFetched).toBeLessThan(1024 * 1024);
  });

  it.each([
    ['ps', 'the file is an MPEG program stream, which needs VIDEO_CONTENT=any'],
    ['imkh', 'the file is an MPEG program stream, which needs VIDEO_CONTENT=any'],
    ['ts', 'the file is an MPEG transport stream, which needs VIDEO_CONTENT=any'],
    ['m2ts', 'the file is an MPEG transport stream, which needs VIDEO_CONTENT=any'],
    ['flv', 'the file is a Flash video, which needs VIDEO_CONTENT=any'],
    ['asf', 'the file is a Windows Media video, which needs VIDEO_CONTENT=any'],
    ['h264', 'the file is raw H.264, which needs VIDEO_CONTENT=any'],
  ])('%s: is unreadable by default: %s', async (name, detail) => {
    const error = await failureOf(probed(file(name), false));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('message', detail);
  });

  it.each(['ps', 'ts', 'flv', 'asf', 'h264'])('%s: a damaged one is unreadable or has no video', async (name) => {
    const damaged = Buffer.from(file(name)).fill(0xff, 400);
    expect(await failureOf(probed(damaged))).toHaveProperty(
      'code',
      expect.stringMatching(/unreadable|no_video_stream/),
    );
  });
});

/** The header of 40 bytes that Hikvision's recorders write. */
function withRecorderHeader(bytes: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header.write('IMKH');
  return Buffer.concat([header, bytes]);
}
