import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { NoVideoStream, VideoServerError, VideoTimeout, VideoUnreadable } from '../../errors.ts';
import { probeWithFfprobe } from '../ffprobe/probe.ts';
import { windowBytes } from '../http/range-reader.ts';
import { probe } from '../probe.ts';
import { stretched } from './altered-videos.ts';
import { failureOf, fixture, openTestVideos, type TestVideos } from './test-videos.ts';

const options = { timeoutMs: 30_000, signal: new AbortController().signal };

async function probed(videos: TestVideos, ...args: Parameters<TestVideos['open']>) {
  return (await probe(await videos.open(...args), options)).facts;
}

describe('a probe', () => {
  const table: [name: string, resolution: string, rotation: number, codec: string, container: string][] = [
    ['mpeg4.avi', '320x240', 0, 'mpeg4', 'avi'],
    ['h264.avi', '256x144', 0, 'h264', 'avi'],
    ['mpeg2.avi', '128x96', 0, 'mpeg2video', 'avi'],
    ['h264.mp4', '320x180', 0, 'h264', 'mp4'],
    ['mpeg4.mp4', '160x120', 0, 'mpeg4', 'mp4'],
    ['fragmented.mp4', '320x180', 0, 'h264', 'mp4'],
    ['moov-at-end.mov', '240x160', 0, 'h264', 'mov'],
    ['h264.mkv', '176x144', 0, 'h264', 'mkv'],
    ['mpeg4.mkv', '192x108', 0, 'mpeg4', 'mkv'],
    ['vp9.webm', '208x112', 0, 'vp9', 'webm'],
    ['vp8.webm', '144x96', 0, 'vp8', 'webm'],
    ['rotated-90.mp4', '180x320', 90, 'h264', 'mp4'],
    ['rotated-180.mp4', '320x180', 180, 'h264', 'mp4'],
    ['rotated-270.mp4', '180x320', 270, 'h264', 'mp4'],
    ['rotated-90-mpeg4.mov', '120x160', 90, 'mpeg4', 'mov'],
    ['rotated-180-mpeg4.mov', '160x120', 180, 'mpeg4', 'mov'],
    ['rotated-270-mpeg4.mov', '120x160', 270, 'mpeg4', 'mov'],
    ['odd-size.webm', '161x91', 0, 'vp9', 'webm'],
    ['odd-size.avi', '161x91', 0, 'mpeg4', 'avi'],
    ['coded-1088.mp4', '1920x1080', 0, 'h264', 'mp4'],
    ['coded-1088.avi', '1920x1080', 0, 'h264', 'avi'],
    ['wide-pixels.mp4', '320x240', 0, 'h264', 'mp4'],
    ['two-video-streams.mkv', '160x90', 0, 'h264', 'mkv'],
    ['two-video-streams.mp4', '160x90', 0, 'h264', 'mp4'],
  ];

  it.each(table)('of %s finds %s', async (name, resolution, rotation, codec, container) => {
    await using videos = await openTestVideos();
    const facts = await probed(videos, name);
    expect(facts).toMatchObject({ resolution, rotation, codec, container });
    expect(resolution).toBe(`${facts.width}x${facts.height}`);
    expect(videos.meter).toEqual({ bytesFetched: fixture(name).length, requests: 1 });
  });

  it.each(table)('of %s agrees with ffprobe on the whole file', async (name) => {
    await using videos = await openTestVideos();
    const facts = await probed(videos, name);
    const reference = ffprobeWholeFile(name);
    const sideways = facts.rotation % 180 !== 0;
    expect(sideways ? [facts.height, facts.width] : [facts.width, facts.height]).toEqual([
      reference.width,
      reference.height,
    ]);
    expect(facts.codec).toBe(reference.codec_name);
    // The header of a fragmented file has no duration.
    expect(facts.duration).toBe(name === 'fragmented.mp4' ? null : reference.duration);
  });

  it('prints nothing', async () => {
    const printed = (['log', 'info', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level));
    await using videos = await openTestVideos();
    await probed(videos, 'mpeg4.mp4');
    expect(printed.flatMap(({ mock }) => mock.calls)).toEqual([]);
    vi.restoreAllMocks();
  });

  it('finds no duration if that of the header is not a number', async () => {
    const bytes = fixture('h264.mkv');
    bytes.fill(0xff, bytes.indexOf('448988', 0, 'hex') + 3, bytes.indexOf('448988', 0, 'hex') + 11);
    await using videos = await openTestVideos({ files: { 'endless.mkv': bytes } });
    expect(await probed(videos, 'endless.mkv')).toMatchObject({ resolution: '176x144', duration: null });
  });

  it('does not depend on the file name', async () => {
    await using videos = await openTestVideos({
      files: { 'misnamed.mp4': fixture('mpeg4.avi'), 'misnamed.avi': fixture('vp9.webm') },
    });
    expect(await probed(videos, 'misnamed.mp4')).toMatchObject({ resolution: '320x240', container: 'avi' });
    expect(await probed(videos, 'misnamed.avi')).toMatchObject({ resolution: '208x112', container: 'webm' });
  });
});

describe('a file without a resolution', () => {
  it.each(['audio-only.mp4', 'audio-only.avi', 'audio-only.webm', 'cover-art.mp4', 'cover-art.mkv'])(
    '%s: no video stream',
    async (name) => {
      await using videos = await openTestVideos();
      expect(await failureOf(probed(videos, name))).toBeInstanceOf(NoVideoStream);
    },
  );

  it.each([
    ['truncated.mp4', 'ffprobe cannot read the file'],
    ['truncated.mov', 'the file has no moov box; it may be cut short'],
    ['truncated.avi', 'ffprobe cannot read the file'],
    ['empty.mp4', 'the file is empty'],
    ['html.mp4', 'the file looks like an HTML page, not like a video'],
    ['playlist.mp4', 'the file looks like an HLS playlist, not like a video'],
    ['concat.mp4', 'the file looks like an ffmpeg concat script, not like a video'],
    ['mpeg-ps.mp4', 'the file is an MPEG program stream, which needs VIDEO_CONTENT=any'],
  ])('%s: %s', async (name, detail) => {
    await using videos = await openTestVideos();
    const error = await failureOf(probed(videos, name));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('message', detail);
    expect(videos.server.requests).toHaveLength(1);
  });

  it('a file of 1 PiB is not given to ffprobe', async () => {
    const video = {
      url: new URL('http://127.0.0.1/endless.avi'),
      size: 2 ** 50,
      bytesFetched: windowBytes,
      requests: 1,
      read: async (start: number, end: number) => fixture('mpeg4.avi').subarray(start, end),
    };
    expect(await failureOf(probeWithFfprobe(video, 'avi', options))).toBeInstanceOf(VideoUnreadable);
  });

  it('a picture of 0x0 is not a video stream', async () => {
    const bytes = fixture('h264.mp4');
    // Width and height in the sample entry; then the decoder configuration and frames, from which ffprobe would know them.
    bytes.fill(0, bytes.lastIndexOf('avc1') + 28, bytes.lastIndexOf('avc1') + 32);
    bytes.fill(0, bytes.indexOf('avcC') + 4, bytes.indexOf('avcC') + 30);
    bytes.fill(0, bytes.indexOf('mdat') + 4);
    await using videos = await openTestVideos({ files: { 'zero.mp4': bytes } });
    expect(await failureOf(probed(videos, 'zero.mp4'))).toBeInstanceOf(NoVideoStream);
  });
});

describe('a failed transfer during a probe', () => {
  it.each([
    ['changing', VideoServerError],
    ['lying-size', VideoServerError],
  ] as const)('%s: is not reported as a damaged file', async (behaviour, kind) => {
    await using videos = await openTestVideos({ files: { 'long.mov': stretched('moov-at-end.mov', 500_000) } });
    expect(await failureOf(probed(videos, 'long.mov', behaviour))).toBeInstanceOf(kind);
  });

  it('a server that stops responding is a timeout', async () => {
    await using videos = await openTestVideos({
      files: { 'long.mov': stretched('moov-at-end.mov', 500_000) },
      timeoutMs: 150,
    });
    const video = await videos.open('long.mov', 'silent-later');
    expect(await failureOf(probe(video, options))).toBeInstanceOf(VideoTimeout);
    // The probe does not continue with ffprobe.
    expect(videos.server.requests).toHaveLength(2);
  });

  it('the signal ends it with its reason', async () => {
    await using videos = await openTestVideos({ files: { 'long.mov': stretched('moov-at-end.mov', 500_000) } });
    const controller = new AbortController();
    const video = await videos.open('long.mov', 'silent-later', controller.signal);
    const failure = failureOf(probe(video, { ...options, signal: controller.signal }));
    await expect.poll(() => videos.server.requests.length, { interval: 1 }).toBe(2);
    const reason = new Error('shutdown');
    controller.abort(reason);
    expect(await failure).toBe(reason);
  });
});

function ffprobeWholeFile(name: string): { width: number; height: number; codec_name: string; duration: number } {
  const { path } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  const file = join(import.meta.dirname, 'fixtures', name);
  const printed = execFileSync(path, ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', file]);
  const { streams, format } = JSON.parse(printed.toString());
  const stream = streams.find((each: { codec_type: string }) => each.codec_type === 'video');
  return { ...stream, duration: Number(stream.duration ?? format.duration) };
}
