import { describe, expect, it } from 'vitest';
import { NoVideoStream, VideoUnreadable } from '../../errors.ts';
import { probeAvi } from '../containers/avi.ts';
import { BufferedReader } from '../containers/buffered-reader.ts';
import { windowBytes } from '../http/range-reader.ts';
import { withJunk } from './altered-videos.ts';
import { failureOf, fixture, openTestVideos, sample } from './test-videos.ts';

type Change = (bytes: Buffer) => unknown;

/** Offsets within strh and strf of the first stream. */
const header = (bytes: Buffer) => bytes.indexOf('strh') + 8;
const format = (bytes: Buffer) => bytes.indexOf('strf') + 8;

function altered(name: string, change: Change): Buffer {
  const bytes = fixture(name);
  change(bytes);
  return bytes;
}

async function read(bytes: Buffer) {
  await using videos = await openTestVideos({ files: { 'a.avi': bytes } });
  return await probeAvi(new BufferedReader(await videos.open('a.avi')));
}

describe('the header of an AVI', () => {
  it('of the sample is read from its first window', async () => {
    await using videos = await openTestVideos({ files: { 'test_1.avi': sample('test_1.avi') } });
    const facts = await probeAvi(new BufferedReader(await videos.open('test_1.avi')));
    expect(facts).toEqual({
      resolution: '1280x720',
      width: 1280,
      height: 720,
      rotation: 0,
      codec: 'h264',
      container: 'avi',
      duration: 3,
    });
    expect(videos.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it('far into the file is read without the bytes before it', async () => {
    await using videos = await openTestVideos({ files: { 'late.avi': withJunk('h264.avi', 3_000_000) } });
    expect(await probeAvi(new BufferedReader(await videos.open('late.avi')))).toMatchObject({
      resolution: '256x144',
    });
    expect(videos.meter.requests).toBe(2);
    expect(videos.meter.bytesFetched).toBeLessThanOrEqual(2 * windowBytes);
  });

  it.each([
    ['a negative height', (bytes: Buffer) => bytes.writeInt32LE(-240, format(bytes) + 8), { resolution: '320x240' }],
    ['a fractional frame rate', fraction(1001, 30000, 60), { duration: expect.closeTo(2.002, 9) }],
    ['no frame rate but microseconds per frame', fraction(0, 0, 10), { duration: 2 }],
    ['no number of frames', fraction(1, 5, 0), { duration: null }],
    ['the Xvid code', (bytes: Buffer) => bytes.write('XVID', format(bytes) + 16), { codec: 'mpeg4' }],
  ])('with %s', async (_, change, facts) => {
    expect(await read(altered('mpeg4.avi', change))).toMatchObject(facts);
  });

  it('needs no confirmation if the codec states no size', async () => {
    const bytes = altered('mpeg4.avi', (all) => all.write('HFYU', format(all) + 16));
    expect(await read(bytes)).toMatchObject({ resolution: '320x240', codec: 'huffyuv' });
  });
});

describe('an AVI that is left to ffprobe', () => {
  it.each<[string, string, Change, typeof VideoUnreadable | typeof NoVideoStream]>([
    [
      'a width that differs from the frame',
      'h264.avi',
      (all) => all.writeUInt32LE(264, format(all) + 4),
      VideoUnreadable,
    ],
    [
      'a height that differs from the frame',
      'mpeg4.avi',
      (all) => all.writeInt32LE(248, format(all) + 8),
      VideoUnreadable,
    ],
    ['an unknown codec', 'mpeg4.avi', (all) => all.write('????', format(all) + 16), VideoUnreadable],
    ['DV audio and video in one stream', 'mpeg4.avi', (all) => all.write('iavs', header(all)), VideoUnreadable],
    ['a list longer than the file', 'mpeg4.avi', (all) => all.writeUInt32LE(2 ** 31, format(all) - 4), VideoUnreadable],
    ['a format cut short', 'mpeg4.avi', (all) => all.writeUInt32LE(20, format(all) - 4), VideoUnreadable],
    ['no frames', 'mpeg4.avi', (all) => all.fill(0, all.indexOf('movi') + 4), VideoUnreadable],
    ['subtitles only', 'mpeg4.avi', (all) => all.write('txts', header(all)), NoVideoStream],
  ])('has %s', async (_, name, change, kind) => {
    expect(await failureOf(read(altered(name, change)))).toBeInstanceOf(kind);
  });

  it('with endless empty chunks is given up', async () => {
    const bytes = Buffer.alloc(100_000);
    bytes.write('RIFF');
    bytes.write('AVI ', 8);
    for (let at = 12; at + 8 <= bytes.length; at += 8) bytes.write('JUNK', at);
    expect(await failureOf(read(bytes))).toHaveProperty(
      'message',
      'the list of frames is not among the first 1000 chunks',
    );
  });
});

/** Scale, rate and number of frames of the stream. */
function fraction(scale: number, rate: number, frames: number): Change {
  return (bytes) => {
    bytes.writeUInt32LE(scale, header(bytes) + 20);
    bytes.writeUInt32LE(rate, header(bytes) + 24);
    bytes.writeUInt32LE(frames, header(bytes) + 32);
  };
}
