import { describe, expect, it } from 'vitest';
import { VideoTooLarge, VideoUnreadable } from '../../errors.ts';
import { BufferedReader } from '../containers/buffered-reader.ts';
import { probeWithMediabunny } from '../containers/mediabunny.ts';
import { probeWithFfprobe } from '../ffprobe/probe.ts';
import { windowBytes } from '../http/range-reader.ts';
import { probe } from '../probe.ts';
import { headOfLongAvi, stretched, withJunk, withLargeMoov, withVoid } from './altered-videos.ts';
import { failureOf, fixture, openTestVideos, type TestVideos } from './test-videos.ts';

const options = { timeoutMs: 10_000, signal: new AbortController().signal };

async function probed(videos: TestVideos, file: string) {
  return (await probe(await videos.open(file), options)).facts;
}

describe('a header outside of the first window', () => {
  it.each([
    ['moov-at-end.mov', '240x160'],
    ['mpeg4.mp4', '160x120'],
    ['rotated-90-mpeg4.mov', '120x160'],
  ])('%s: the moov box is found by the sizes of the boxes', async (name, resolution) => {
    await using videos = await openTestVideos({ files: { 'long.mp4': stretched(name, 3_000_000) } });
    expect(await probed(videos, 'long.mp4')).toMatchObject({ resolution });
    expect(videos.meter.requests).toBeLessThanOrEqual(2);
    expect(videos.meter.bytesFetched).toBeLessThanOrEqual(2 * windowBytes);
  });

  it('a chain of boxes is followed to moov', async () => {
    await using videos = await openTestVideos({ files: { 'chain.mp4': stretched('mpeg4.mp4', 500_000, 500_000) } });
    expect(await probed(videos, 'chain.mp4')).toMatchObject({ resolution: '160x120' });
    expect(videos.meter.requests).toBe(3);
  });

  it('boxes with a 64-bit size, or up to the end of the file, are supported', async () => {
    const bytes = stretched('mpeg4.mp4', 200_000);
    const [mdat, moov] = [bytes.indexOf('mdat') - 4, bytes.lastIndexOf('moov') - 4];
    // An 8-byte free box precedes mdat: both headers together become one with a 64-bit size.
    bytes.writeBigUInt64BE(BigInt(bytes.readUInt32BE(mdat) + 8), mdat);
    bytes.writeUInt32BE(1, mdat - 8);
    bytes.write('mdat', mdat - 4);
    bytes.writeUInt32BE(0, moov);
    await using videos = await openTestVideos({ files: { 'long.mp4': bytes } });
    expect(await probed(videos, 'long.mp4')).toMatchObject({ resolution: '160x120' });
  });

  it.each([
    ['h264.mkv', 2_000_000, '176x144'],
    ['vp8.webm', 2_000_000, '144x96'],
    ['mpeg4.mkv', 100_000, '192x108'],
  ])('%s: tracks after %d unused bytes are found', async (name, length, resolution) => {
    await using videos = await openTestVideos({ files: { 'late.mkv': withVoid(name, length) } });
    expect(await probed(videos, 'late.mkv')).toMatchObject({ resolution });
  });

  it('a Matroska file with its header first takes one request, none for its index', async () => {
    await using videos = await openTestVideos();
    expect(await probed(videos, 'long.mkv')).toMatchObject({ resolution: '320x240', duration: 4 });
    expect(videos.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it('a QuickTime file without ftyp is supported', async () => {
    const old = fixture('moov-at-end.mov').subarray(20);
    await using videos = await openTestVideos({ files: { 'old.mov': old } });
    expect(await probed(videos, 'old.mov')).toMatchObject({ resolution: '240x160', container: 'mov' });
  });

  it('an AVI header after 200 kB of JUNK takes two requests', async () => {
    await using videos = await openTestVideos({ files: { 'junk.avi': withJunk('mpeg4.avi', 200_000) } });
    expect(await probed(videos, 'junk.avi')).toMatchObject({ resolution: '320x240' });
    expect(videos.meter.requests).toBe(2);
  });

  it('an AVI with its header first takes one request', async () => {
    const avi = fixture('mpeg4.avi');
    const long = Buffer.concat([avi, Buffer.alloc(3_000_000)]);
    await using videos = await openTestVideos({ files: { 'long.avi': long } });
    expect(await probed(videos, 'long.avi')).toMatchObject({ resolution: '320x240' });
    expect(videos.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it.each([
    ['of 5 GB with a first RIFF chunk of 1 GB', 5e9, 1e9, 0.9e9],
    ['of 3 MB whose RIFF chunk has no length', 3e6, 0, 2.9e6],
    ['of 3 MB from an interrupted recorder, without any length', 3e6, 0, 0],
  ])('an AVI %s: the duration is found without reading the frames', async (_, size, riffLength, framesLength) => {
    const head = headOfLongAvi(riffLength, framesLength);
    const video = {
      url: new URL('http://127.0.0.1/long.avi'),
      size,
      bytesFetched: windowBytes,
      requests: 1,
      read: async (start: number, end: number) => head.subarray(start, end),
    };
    const facts = { resolution: '256x144', duration: 100 };
    expect(await probe(video, options)).toMatchObject({ path: 'in_process', facts });
    expect(await probeWithFfprobe(video, 'avi', options)).toMatchObject({ path: 'ffprobe', facts });
  });

  it.each([
    ['mpeg4.mp4', '160x120'],
    ['moov-at-end.mov', '240x160'],
  ])('%s: a large moov box is read with the first frame after it', async (name, resolution) => {
    await using videos = await openTestVideos({ files: { 'large.mp4': withLargeMoov(name, 200_000) } });
    expect(await probed(videos, 'large.mp4')).toMatchObject({ resolution });
    expect(videos.meter.requests).toBeLessThanOrEqual(2);
  });

  it('in endlessly nested boxes is given up', async () => {
    const moov = Buffer.alloc(80_000);
    for (let at = 0; at + 8 <= moov.length; at += 8) {
      moov.writeUInt32BE(moov.length - at, at);
      moov.write(at === 0 ? 'moov' : 'trak', at + 4);
    }
    const ftyp = fixture('h264.mp4').subarray(0, 32);
    await using videos = await openTestVideos({ files: { 'deep.mp4': Buffer.concat([ftyp, moov]) } });
    const error = await failureOf(probeWithMediabunny(new BufferedReader(await videos.open('deep.mp4')), 'mp4'));
    expect(error).toHaveProperty('message', 'the boxes of moov are nested too deeply');
    expect(videos.meter.requests).toBe(1);
  });

  it('that is too short for its fields is damaged', async () => {
    const bytes = fixture('h264.mp4');
    const header = bytes.indexOf('tkhd') - 4;
    bytes.writeUInt32BE(bytes.readUInt32BE(header) - 20, header + 20);
    bytes.writeUInt32BE(20, header);
    bytes.write('free', header + 24);
    await using videos = await openTestVideos({ files: { 'short.mp4': bytes } });
    const error = await failureOf(probeWithMediabunny(new BufferedReader(await videos.open('short.mp4')), 'mp4'));
    expect(error).toBeInstanceOf(VideoUnreadable);
  });

  it('beyond the byte budget is given up', async () => {
    const files = { 'large.mp4': stretched('mpeg4.mp4', 400_000) };
    await using videos = await openTestVideos({ files, byteBudget: windowBytes });
    expect(await failureOf(probed(videos, 'large.mp4'))).toBeInstanceOf(VideoTooLarge);
  });
});
