import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NoVideoStream, VideoUnreadable } from '../../errors.ts';
import { probeAvi } from '../containers/avi.ts';
import { BufferedReader } from '../containers/buffered-reader.ts';
import { windowBytes } from '../http/range-reader.ts';
import { junked } from './altered-videos.ts';
import { failureOf, fixture, openStack } from './open-video.ts';

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
  await using house = await openStack({ files: { 'a.avi': bytes } });
  return await probeAvi(new BufferedReader(await house.open('a.avi')));
}

describe('the header of an AVI', () => {
  it('of the sample is read out of its first window', async () => {
    const sample = readFileSync(join(import.meta.dirname, '../../../nginx/videos/test_1.avi'));
    await using house = await openStack({ files: { 'test_1.avi': sample } });
    const facts = await probeAvi(new BufferedReader(await house.open('test_1.avi')));
    expect(facts).toEqual({
      resolution: '1280x720',
      width: 1280,
      height: 720,
      rotation: 0,
      codec: 'h264',
      container: 'avi',
      duration: 3,
    });
    expect(house.meter).toEqual({ bytesFetched: windowBytes, requests: 1 });
  });

  it('far into the file is read where it is, what is before it is not', async () => {
    await using house = await openStack({ files: { 'late.avi': junked('h264.avi', 3_000_000) } });
    expect(await probeAvi(new BufferedReader(await house.open('late.avi')))).toMatchObject({
      resolution: '256x144',
    });
    expect(house.meter.requests).toBe(2);
    expect(house.meter.bytesFetched).toBeLessThanOrEqual(2 * windowBytes);
  });

  it.each([
    ['a height below zero', (bytes: Buffer) => bytes.writeInt32LE(-240, format(bytes) + 8), { resolution: '320x240' }],
    ['a rate of frames as a fraction', fraction(1001, 30000, 60), { duration: expect.closeTo(2.002, 9) }],
    ['no rate but microseconds per frame', fraction(0, 0, 10), { duration: 2 }],
    ['no number of frames', fraction(1, 5, 0), { duration: null }],
    ['Xvid letters', (bytes: Buffer) => bytes.write('XVID', format(bytes) + 16), { codec: 'mpeg4' }],
  ])('with %s', async (_, change, facts) => {
    expect(await read(altered('mpeg4.avi', change))).toMatchObject(facts);
  });

  it('of a stream without a size of its own is confirmed by nothing', async () => {
    const bytes = altered('mpeg4.avi', (all) => all.write('HFYU', format(all) + 16));
    expect(await read(bytes)).toMatchObject({ resolution: '320x240', codec: 'huffyuv' });
  });
});

describe('an AVI that is not for us to judge', () => {
  it.each<[string, string, Change, typeof VideoUnreadable | typeof NoVideoStream]>([
    ['another width than the frame', 'h264.avi', (all) => all.writeUInt32LE(264, format(all) + 4), VideoUnreadable],
    ['another height than the frame', 'mpeg4.avi', (all) => all.writeInt32LE(248, format(all) + 8), VideoUnreadable],
    ['letters nobody knows', 'mpeg4.avi', (all) => all.write('????', format(all) + 16), VideoUnreadable],
    ['DV of one stream', 'mpeg4.avi', (all) => all.write('iavs', header(all)), VideoUnreadable],
    ['a list longer than the file', 'mpeg4.avi', (all) => all.writeUInt32LE(2 ** 31, format(all) - 4), VideoUnreadable],
    ['a format cut short', 'mpeg4.avi', (all) => all.writeUInt32LE(20, format(all) - 4), VideoUnreadable],
    ['no frames', 'mpeg4.avi', (all) => all.fill(0, all.indexOf('movi') + 4), VideoUnreadable],
    ['subtitles only', 'mpeg4.avi', (all) => all.write('txts', header(all)), NoVideoStream],
  ])('has %s', async (_, name, change, kind) => {
    expect(await failureOf(read(altered(name, change)))).toBeInstanceOf(kind);
  });

  it('chunks without length do not go on for ever', async () => {
    const bytes = Buffer.alloc(100_000);
    bytes.write('RIFF');
    bytes.write('AVI ', 8);
    for (let at = 12; at + 8 <= bytes.length; at += 8) bytes.write('JUNK', at);
    expect(await failureOf(read(bytes))).toHaveProperty('message', 'the list of frames is not among the first 1000 chunks');
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
