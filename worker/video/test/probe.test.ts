import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { NoVideoStream, VideoServerError, VideoTimeout, VideoUnreadable } from '../../errors.ts';
import { probeWithFfprobe } from '../ffprobe/probe.ts';
import { windowBytes } from '../http/range-reader.ts';
import { probe } from '../probe.ts';
import { stretched } from './altered-videos.ts';
import { failureOf, fixture, openStack, type Stack } from './open-video.ts';

const options = { timeoutMs: 10_000, signal: new AbortController().signal };

async function probed(house: Stack, ...where: Parameters<Stack['open']>) {
  return (await probe(await house.open(...where), options)).facts;
}

describe('what a probe finds', () => {
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
    ['two-pictures.mkv', '160x90', 0, 'h264', 'mkv'],
    ['two-pictures.mp4', '160x90', 0, 'h264', 'mp4'],
  ];

  it.each(table)('in %s: %s', async (name, resolution, rotation, codec, container) => {
    await using house = await openStack();
    const facts = await probed(house, name);
    expect(facts).toMatchObject({ resolution, rotation, codec, container });
    expect(resolution).toBe(`${facts.width}x${facts.height}`);
    expect(house.meter).toEqual({ bytesFetched: fixture(name).length, requests: 1 });
  });

  it.each(table)('in %s is what ffprobe finds in the whole file', async (name) => {
    await using house = await openStack();
    const facts = await probed(house, name);
    const reference = wholeFile(name);
    const turned = facts.rotation % 180 !== 0;
    expect(turned ? [facts.height, facts.width] : [facts.width, facts.height]).toEqual([
      reference.width,
      reference.height,
    ]);
    expect(facts.codec).toBe(reference.codec_name);
    // A fragmented file does not say how long it is.
    expect(facts.duration).toBe(name === 'fragmented.mp4' ? null : reference.duration);
  });

  it('is all that comes of it: nothing is printed', async () => {
    const printed = (['log', 'info', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level));
    await using house = await openStack();
    await probed(house, 'mpeg4.mp4');
    expect(printed.flatMap(({ mock }) => mock.calls)).toEqual([]);
    vi.restoreAllMocks();
  });

  it('has no duration where the header has none that is a number', async () => {
    const bytes = fixture('h264.mkv');
    bytes.fill(0xff, bytes.indexOf('448988', 0, 'hex') + 3, bytes.indexOf('448988', 0, 'hex') + 11);
    await using house = await openStack({ files: { 'endless.mkv': bytes } });
    expect(await probed(house, 'endless.mkv')).toMatchObject({ resolution: '176x144', duration: null });
  });

  it('does not depend on the name', async () => {
    await using house = await openStack({
      files: { 'liar.mp4': fixture('mpeg4.avi'), 'liar.avi': fixture('vp9.webm') },
    });
    expect(await probed(house, 'liar.mp4')).toMatchObject({ resolution: '320x240', container: 'avi' });
    expect(await probed(house, 'liar.avi')).toMatchObject({ resolution: '208x112', container: 'webm' });
  });
});

describe('a file without a resolution', () => {
  it.each(['audio-only.mp4', 'audio-only.avi', 'audio-only.webm', 'cover-art.mp4', 'cover-art.mkv'])(
    '%s: no video stream',
    async (name) => {
      await using house = await openStack();
      expect(await failureOf(probed(house, name))).toBeInstanceOf(NoVideoStream);
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
    ['mpeg-ps.mp4', 'the file looks like an MPEG program stream, not like a video'],
  ])('%s: %s', async (name, sentence) => {
    await using house = await openStack();
    const error = await failureOf(probed(house, name));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('message', sentence);
    expect(house.server.requests).toHaveLength(1);
  });

  it('a file longer than any disk is not for ffprobe', async () => {
    const video = {
      url: new URL('http://127.0.0.1/endless.avi'),
      size: 2 ** 50,
      bytesFetched: windowBytes,
      requests: 1,
      read: async (start: number, end: number) => fixture('mpeg4.avi').subarray(start, end),
    };
    expect(await failureOf(probeWithFfprobe(video, 'avi', options))).toBeInstanceOf(VideoUnreadable);
  });

  it('a picture of 0x0 is none', async () => {
    const bytes = fixture('h264.mp4');
    // The sample entry's width and height; then its decoder configuration, from which ffprobe would know them too.
    bytes.fill(0, bytes.lastIndexOf('avc1') + 28, bytes.lastIndexOf('avc1') + 32);
    bytes.fill(0, bytes.indexOf('avcC') + 4, bytes.indexOf('avcC') + 30);
    bytes.fill(0, bytes.indexOf('mdat') + 4);
    await using house = await openStack({ files: { 'zero.mp4': bytes } });
    expect(await failureOf(probed(house, 'zero.mp4'))).toBeInstanceOf(NoVideoStream);
  });
});

describe('a failed transfer within a probe', () => {
  it.each([
    ['changing', VideoServerError],
    ['lying-size', VideoServerError],
  ] as const)('%s: is not a damaged file', async (behaviour, kind) => {
    await using house = await openStack({ files: { 'long.mov': stretched('moov-at-end.mov', 500_000) } });
    expect(await failureOf(probed(house, 'long.mov', behaviour))).toBeInstanceOf(kind);
  });

  it('a server that falls silent midway is a timeout', async () => {
    await using house = await openStack({
      files: { 'long.mov': stretched('moov-at-end.mov', 500_000) },
      timeoutMs: 150,
    });
    const video = await house.open('long.mov', 'silent-later');
    expect(await failureOf(probe(video, options))).toBeInstanceOf(VideoTimeout);
    // ffprobe has nothing better to say about it, so it does not try the server again.
    expect(house.server.requests).toHaveLength(2);
  });

  it('the signal ends it with its reason', async () => {
    await using house = await openStack({ files: { 'long.mov': stretched('moov-at-end.mov', 500_000) } });
    const controller = new AbortController();
    const video = await house.open('long.mov', 'silent-later', controller.signal);
    const failure = failureOf(probe(video, { ...options, signal: controller.signal }));
    while (house.server.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error('the worker is going down');
    controller.abort(reason);
    expect(await failure).toBe(reason);
  });
});

function wholeFile(name: string): { width: number; height: number; codec_name: string; duration: number } {
  const { path } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  const file = join(import.meta.dirname, 'fixtures', name);
  const printed = execFileSync(path, ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', file]);
  const { streams, format } = JSON.parse(printed.toString());
  const stream = streams.find((each: { codec_type: string }) => each.codec_type === 'video');
  return { ...stream, duration: Number(stream.duration ?? format.duration) };
}
