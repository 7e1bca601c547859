import { describe, expect, it } from 'vitest';
import { VideoTooLarge, VideoUnreadable } from '../../errors.ts';
import { windowBytes } from '../http/range-reader.ts';
import { probe } from '../probe.ts';
import { mirrored } from './corpus/alterations.ts';
import * as avi from './corpus/unusual-avi.ts';
import * as mkv from './corpus/unusual-matroska.ts';
import * as mp4 from './corpus/unusual-mp4.ts';
import { failureOf, fixture, openTestVideos } from './test-videos.ts';

const options = { timeoutMs: 30_000, signal: new AbortController().signal };

async function probed(bytes: Buffer, byteBudget = 8 * 1024 * 1024) {
  await using videos = await openTestVideos({ files: { video: bytes }, byteBudget });
  const { facts, path } = await probe(await videos.open('video'), options);
  return { path, resolution: facts.resolution, duration: facts.duration, ...videos.meter };
}

describe('a long recording', () => {
  // Tables of 12 MB: 17 hours of 25 frames per second.
  it.each([
    ['mirrored', mirrored],
    ['of another size than its parameter sets', mp4.withEntrySize('avc1', 704, 180)],
  ])('that is %s costs little more than its first frame', async (_, alter) => {
    const bytes = mp4.withSamples(1_500_000)(alter(fixture('h264.mp4')));
    expect(bytes.length).toBeGreaterThan(12_000_000);
    const { bytesFetched, ...result } = await probed(bytes);
    expect(result).toMatchObject({ path: 'ffprobe', resolution: '320x180' });
    expect(bytesFetched).toBeLessThanOrEqual(512 * 1024);
  });

  it.each([[['moov']], [['moov', 'trak']]])('with 9 MB of user data in %j', async (path) => {
    const bytes = mp4.withUserData(9_000_000, ...path)(mirrored(fixture('h264.mp4')));
    const { bytesFetched, ...result } = await probed(bytes);
    expect(result).toMatchObject({ path: 'ffprobe', resolution: '320x180' });
    expect(bytesFetched).toBeLessThanOrEqual(512 * 1024);
  });
});

it('a table of chunks with one entry at the end of the file is read', async () => {
  const bytes = mp4.withoutUserData(fixture('mpeg4.mp4'));
  expect(bytes.subarray(-16, -12).toString()).toBe('stco');
  expect(await probed(bytes)).toMatchObject({ path: 'in_process', resolution: '160x120', requests: 1 });
});

describe('many boxes before moov', () => {
  it.each([65, 2000])('%d: are followed', async (count) => {
    const bytes = mp4.withBoxes(count, 100)(fixture('mpeg4.mp4'));
    expect(await probed(bytes)).toMatchObject({ path: 'in_process', resolution: '160x120' });
  });

  it('with seconds of media in each take no request per box: moov is found at the end', async () => {
    const bytes = mp4.withBoxes(300, 40_000, 'mdat')(fixture('mpeg4.mp4'));
    const { requests, ...result } = await probed(bytes);
    expect(result).toMatchObject({ path: 'in_process', resolution: '160x120' });
    expect(requests).toBeLessThanOrEqual(70);
  });

  it.each([
    [
      'with moov after the budget',
      400_000,
      VideoTooLarge,
      'the byte budget of 1048576 is spent, the resolution still unknown',
    ],
    ['without moov', 0, VideoUnreadable, 'the file has no moov box; it may be cut short'],
  ])('%s: only that is reported', async (_, length, kind, detail) => {
    const whole = mp4.withBoxesFirst(300, 20_000, 'mdat')(fixture('h264.mp4'));
    const bytes = length > 0 ? Buffer.concat([whole, Buffer.alloc(2_000_000)]) : whole.subarray(0, 32 + 80 * 20_000);
    const error = await failureOf(probed(bytes, length > 0 ? 1024 * 1024 : undefined));
    expect(error).toBeInstanceOf(kind);
    expect(error).toHaveProperty('message', detail);
  });

  it('are given up after 20,000 empty ones, and after 100 that look like moov but end elsewhere', async () => {
    const ftyp = fixture('h264.mp4').subarray(0, 32);
    const boxes = Buffer.alloc(2_000_000);
    for (let at = 0; at < boxes.length; at += 8) {
      boxes.writeUInt32BE(8, at);
      boxes.write(at < 1_000_000 ? 'free' : 'moov', at + 4, 'latin1');
    }
    // The last one would end after the file, so that no chain reaches its end.
    boxes.writeUInt32BE(12, boxes.length - 8);
    const error = await failureOf(probed(Buffer.concat([ftyp, boxes])));
    expect(error).toHaveProperty('message', 'the first 20000 boxes of the file are not moov');
  });

  it('that are damaged are not reported as cut short', async () => {
    const bytes = mp4.withBoxes(70, 8)(fixture('mpeg4.mp4'));
    bytes.writeUInt32BE(3, bytes.lastIndexOf('free') - 4);
    bytes.fill('xxxx', bytes.lastIndexOf('moov'), bytes.lastIndexOf('moov') + 4);
    const at = bytes.lastIndexOf('free') - 4;
    const error = await failureOf(probed(bytes));
    expect(error).toHaveProperty('message', `the file has no moov box before byte ${at}, which is damaged`);
  });
});

describe('a wrong size in the header', () => {
  it('of an AVI is found behind 3,000 chunks of sound', async () => {
    const bytes = avi.withSoundFirst(3000, 400)(avi.withHeaderSize(704, 144)(fixture('h264.avi')));
    expect(await probed(bytes)).toMatchObject({ path: 'ffprobe', resolution: '256x144', duration: 1 });
  });

  it('of an AVI without sound is confirmed in process', async () => {
    const bytes = avi.withSoundFirst(3000, 400)(fixture('h264.avi'));
    expect(await probed(bytes)).toMatchObject({ path: 'in_process', resolution: '256x144' });
  });
});

describe('Matroska', () => {
  it.each([0, 3_000_000])('with its tracks %d bytes behind the clusters is read', async (gap) => {
    const result = await probed(mkv.withTracksLast(true, gap)(fixture('h264.mkv')));
    expect(result).toMatchObject({ path: 'in_process', resolution: '176x144', duration: 1 });
    expect(result.bytesFetched).toBeLessThanOrEqual(4 * windowBytes);
  });

  it('with 3 MB of subtitle headers is read without them', async () => {
    const result = await probed(mkv.withSubtitles(3_000_000, 'before')(fixture('vp9.webm')));
    expect(result).toMatchObject({ path: 'in_process', resolution: '208x112' });
    expect(result.bytesFetched).toBeLessThanOrEqual(8 * windowBytes);
  });

  it('with a spherical picture is not rotated by its roll', async () => {
    expect(await probed(mkv.withProjection(1, 90)(fixture('h264.mkv')))).toMatchObject({ resolution: '176x144' });
  });
});
