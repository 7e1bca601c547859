import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NoVideoStream, VideoServerFault, VideoTimeout, VideoTooLarge, VideoUnreadable } from '../../errors.ts';
import { probe } from '../probe.ts';
import { windowBytes } from '../range-reader.ts';
import { failureOf, fixture, type House, openHouse } from './open-house.ts';

const options = { timeoutMs: 10_000, signal: new AbortController().signal };

async function probed(house: House, ...where: Parameters<House['open']>) {
  return probe(await house.open(...where), options);
}

/** `length` bytes that a parser of boxes skips. */
function free(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length);
  bytes.write('free', 4);
  return bytes;
}

/** A file with its mdat right behind ftyp, then `length` bytes nobody reads, then moov. */
function stretched(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const moov = bytes.lastIndexOf('moov') - 4;
  return Buffer.concat([bytes.subarray(0, moov), free(length), bytes.subarray(moov)]);
}

/** A file with moov before mdat, moov grown by `length` bytes nobody reads. */
function withLargeMoov(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const [ftyp, moov] = [bytes.readUInt32BE(0), bytes.lastIndexOf('moov') - 4];
  const large = Buffer.concat([bytes.subarray(moov), free(length)]);
  large.writeUInt32BE(large.length);
  const chunks = large.indexOf('stco') + 8;
  for (let index = 1; index <= large.readUInt32BE(chunks); index += 1) {
    const at = chunks + 4 * index;
    large.writeUInt32BE(large.readUInt32BE(at) + large.length, at);
  }
  return Buffer.concat([bytes.subarray(0, ftyp), large, bytes.subarray(ftyp, moov)]);
}

/** The AVI with `length` bytes of JUNK before its header list. */
function junked(name: string, length: number): Buffer {
  const bytes = fixture(name);
  const junk = Buffer.alloc(length);
  junk.write('JUNK');
  junk.writeUInt32LE(length - 8, 4);
  const all = Buffer.concat([bytes.subarray(0, 12), junk, bytes.subarray(12)]);
  all.writeUInt32LE(all.length - 8, 4);
  return all;
}

describe('what a probe finds', () => {
  const table: [name: string, resolution: string, rotation: number, codec: string, container: string][] = [
    ['mpeg4.avi', '320x240', 0, 'mpeg4', 'avi'],
    ['h264.avi', '256x144', 0, 'h264', 'avi'],
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
    await using house = await openHouse();
    const facts = await probed(house, name);
    expect(facts).toMatchObject({ resolution, rotation, codec, container });
    expect(resolution).toBe(`${facts.width}x${facts.height}`);
    expect(house.meter).toEqual({ bytesFetched: fixture(name).length, requests: 1 });
  });

  it.each(table)('in %s is what ffprobe finds in the whole file', async (name) => {
    await using house = await openHouse();
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

  it('does not depend on the name', async () => {
    await using house = await openHouse({
      files: { 'liar.mp4': fixture('mpeg4.avi'), 'liar.avi': fixture('vp9.webm') },
    });
    expect(await probed(house, 'liar.mp4')).toMatchObject({ resolution: '320x240', container: 'avi' });
    expect(await probed(house, 'liar.avi')).toMatchObject({ resolution: '208x112', container: 'webm' });
  });
});

describe('a header that is not in the first window', () => {
  it.each([
    ['moov-at-end.mov', '240x160'],
    ['mpeg4.mp4', '160x120'],
    ['rotated-90-mpeg4.mov', '120x160'],
  ])('%s: the moov box is found by its place', async (name, resolution) => {
    await using house = await openHouse({ files: { 'long.mp4': stretched(name, 3_000_000) } });
    expect(await probed(house, 'long.mp4')).toMatchObject({ resolution });
    expect(house.meter.requests).toBeLessThanOrEqual(2);
    expect(house.meter.bytesFetched).toBeLessThanOrEqual(2 * windowBytes);
  });

  it('a QuickTime file of before ftyp is read by ffprobe', async () => {
    const old = fixture('moov-at-end.mov').subarray(20);
    await using house = await openHouse({ files: { 'old.mov': old } });
    expect(await probed(house, 'old.mov')).toMatchObject({ resolution: '240x160', container: 'mov' });
  });

  it('an AVI behind 200 kB of JUNK takes a larger head', async () => {
    await using house = await openHouse({ files: { 'junk.avi': junked('mpeg4.avi', 200_000) } });
    expect(await probed(house, 'junk.avi')).toMatchObject({ resolution: '320x240' });
    expect(house.meter.requests).toBe(2);
  });

  it('an AVI with its header in front does not', async () => {
    const avi = fixture('mpeg4.avi');
    const long = Buffer.concat([avi, Buffer.alloc(3_000_000)]);
    await using house = await openHouse({ files: { 'long.avi': long } });
    expect(await probed(house, 'long.avi')).toMatchObject({ resolution: '320x240' });
    expect(house.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it('an AVI of 5 GB, of which its first RIFF chunk says 1 GB, is not walked', async () => {
    const avi = fixture('h264.avi');
    const [frames, index] = [avi.indexOf('movi') + 4, avi.lastIndexOf('idx1')];
    avi.writeUInt32LE(1e9, 4);
    avi.writeUInt32LE(0.9e9, frames - 8);
    // The same frames again and again fill the window, as those of a long video do.
    const head = Buffer.alloc(windowBytes, avi.subarray(frames, index));
    avi.copy(head, 0, 0, frames);
    const video = {
      url: new URL('http://127.0.0.1/long.avi'),
      size: 5e9,
      bytesFetched: windowBytes,
      requests: 1,
      read: async (start: number, end: number) => head.subarray(start, end),
    };
    expect(await probe(video, options)).toMatchObject({ resolution: '256x144' });
  });

  it.each([
    ['mpeg4.mp4', '160x120'],
    ['moov-at-end.mov', '240x160'],
  ])('%s: a large moov box is read with the first frame behind it', async (name, resolution) => {
    await using house = await openHouse({ files: { 'large.mp4': withLargeMoov(name, 200_000) } });
    expect(await probed(house, 'large.mp4')).toMatchObject({ resolution });
    expect(house.meter.requests).toBeLessThanOrEqual(2);
  });

  it('is not sought beyond the byte budget', async () => {
    const files = { 'large.mp4': withLargeMoov('mpeg4.mp4', 400_000) };
    await using house = await openHouse({ files, byteBudget: 4 * windowBytes });
    expect(await failureOf(probed(house, 'large.mp4'))).toBeInstanceOf(VideoTooLarge);
  });
});

describe('a file without a resolution', () => {
  it.each(['audio-only.mp4', 'audio-only.avi', 'audio-only.webm', 'cover-art.mp4', 'cover-art.mkv'])(
    '%s: no video stream',
    async (name) => {
      await using house = await openHouse();
      expect(await failureOf(probed(house, name))).toBeInstanceOf(NoVideoStream);
    },
  );

  it.each([
    ['truncated.mp4', 'ffprobe cannot read it'],
    ['truncated.mov', 'the file has no moov box; it may be cut short'],
    ['truncated.avi', 'ffprobe cannot read it'],
    ['empty.mp4', 'the file is empty'],
    ['html.mp4', 'the file looks like an HTML page, not like a video'],
    ['playlist.mp4', 'the file looks like an HLS playlist, not like a video'],
    ['concat.mp4', 'the file looks like an ffmpeg concat script, not like a video'],
    ['mpeg-ps.mp4', 'the file looks like an MPEG program stream, not like a video'],
  ])('%s: %s', async (name, sentence) => {
    await using house = await openHouse();
    const error = await failureOf(probed(house, name));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('message', sentence);
    expect(house.server.requests).toHaveLength(1);
  });

  it('a picture of 0x0 is none', async () => {
    const bytes = fixture('h264.mp4');
    // The sample entry's width and height; then its decoder configuration, from which ffprobe would know them too.
    bytes.fill(0, bytes.lastIndexOf('avc1') + 28, bytes.lastIndexOf('avc1') + 32);
    bytes.fill(0, bytes.indexOf('avcC') + 4, bytes.indexOf('avcC') + 30);
    bytes.fill(0, bytes.indexOf('mdat') + 4);
    await using house = await openHouse({ files: { 'zero.mp4': bytes } });
    expect(await failureOf(probed(house, 'zero.mp4'))).toBeInstanceOf(NoVideoStream);
  });
});

describe('a failed transfer within a probe', () => {
  it.each([
    ['changing', VideoServerFault],
    ['lying-size', VideoServerFault],
  ] as const)('%s: is not a damaged file', async (behaviour, kind) => {
    await using house = await openHouse({ files: { 'long.mov': stretched('moov-at-end.mov', 500_000) } });
    expect(await failureOf(probed(house, 'long.mov', behaviour))).toBeInstanceOf(kind);
  });

  it('a server that falls silent midway is a timeout', async () => {
    await using house = await openHouse({
      files: { 'long.mov': stretched('moov-at-end.mov', 500_000) },
      timeoutMs: 150,
    });
    const video = await house.open('long.mov', 'silent-later');
    expect(await failureOf(probe(video, options))).toBeInstanceOf(VideoTimeout);
  });

  it('the signal ends it with its reason', async () => {
    await using house = await openHouse({ files: { 'long.mov': stretched('moov-at-end.mov', 500_000) } });
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
