import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { VideoError } from '../../errors.ts';
import { probe } from '../probe.ts';
import { cases } from './corpus/cases.ts';
import { corpusFolder, makeCorpus } from './corpus/make.ts';
import { type Reference, referenceOf } from './corpus/reference.ts';
import { unusualCases } from './corpus/unusual-cases.ts';
import { openTestVideos } from './test-videos.ts';

const print = (line: string) => void process.stderr.write(`${line}\n`);
const ffmpeg = await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);

/** Where the probe differs from ffprobe on the whole file, and why. */
const differences: Record<string, { facts: Partial<Reference>; why: string }> = {
  'fragmented-h264.mp4': {
    facts: { duration: null },
    why: 'ffprobe adds up all fragments; the header has no duration',
  },
  'fragmented-hevc.mp4': { facts: { duration: null }, why: 'as above' },
  'fragmented-mpeg4.mp4': { facts: { duration: null }, why: 'as above' },
  'fragmented-vp9.mp4': { facts: { duration: null }, why: 'as above' },
  'fragmented-av1.mp4': { facts: { duration: null }, why: 'as above' },
  'fragmented-mjpeg.mp4': { facts: { duration: null }, why: 'as above' },
  'dash.mp4': { facts: { duration: null }, why: 'as above' },
};

/** Groups of such files. */
const differingGroups: { names: RegExp; facts: Partial<Reference>; why: string }[] = [
  {
    names: /^(no-sets-)?(in-fragments-\d|index-\d+)\.mp4$|^smooth\.mp4$|^other-mp4-fragmented-/,
    facts: { duration: null },
    why: 'ffprobe adds up all fragments; the header has no duration',
  },
  {
    names: /^sound-(2000-wrong-size-|in-large-chunks)/,
    facts: { resolution: '176x144' },
    why: 'ffprobe stops before the first picture and reports the size in the header, 704x144',
  },
];

/** Files that only ffprobe reads, and why. All others are read in this process. */
const onlyFfprobe: Record<string, string> = {
  'codec-mpeg2.mp4': 'MPEG-2: not parsed in this process',
  'codec-mpeg2.mkv': 'MPEG-2: not parsed in this process',
  'codec-mpeg2.avi': 'MPEG-2: not parsed in this process',
  'codec-prores.mkv': 'Matroska omits the frame header by which ProRes is recognized',
  'codec-raw-rgb.mov': 'not every raw picture format can be decoded',
  'uncropped.mp4': 'the codec states 1088 lines, the container 1080',
  'uncropped.mkv': 'the codec states 1088 lines, the container 1080',
  'uncropped.avi': 'the codec states 1088 lines, the container 1080',
  'cropped-more.mp4': 'the codec crops to 1280x720, the container states 1920x1080',
  'cropped-more.avi': 'the codec crops to 1280x720, the container states 1920x1080',
  'late-frame-wrong-size.avi': 'the codec states 320x240, the container 704x240',
  'far-frames-wrong-size.mp4': 'the codec states 176x144, the container 704x144',
  'late-frame-wrong-size.mkv': 'the codec states 320x240, the container 704x240',
  'handler-last.mp4': 'the sample entry comes before the kind of track',
  'no-track-header.mp4': 'a track without a header',
  'disabled-track.mkv': 'the first track is disabled',
  'tilted.mp4': 'the matrix rotates by 10 degrees',
  'mirrored.mp4': 'the matrix mirrors',
};

/** Tables of megabytes, data before the header, or a first frame far from it take a second or third request. */
const maxRequests = 3;
const maxBytes = 96 * 1024;
/** Half of the byte budget. */
const maxUnusualBytes = 4 * 1024 * 1024;
const unusual = new Set(unusualCases.map(({ name }) => name));

const options = { timeoutMs: 60_000, signal: new AbortController().signal };
const paths = new Map<string, string>();

/** Returns facts in the form of the reference; undefined for a VideoError. */
async function probeFile(name: string, bytes: Buffer) {
  await using videos = await openTestVideos({ files: { [name]: bytes } });
  const video = await videos.open(name);
  try {
    const { facts, path } = await probe(video, options);
    const { resolution, rotation, codec, duration } = facts;
    return { facts: { resolution, rotation, codec, duration }, path, ...videos.meter };
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    return { facts: undefined, path: undefined, ...videos.meter };
  }
}

describe.skipIf('missing' in ffmpeg)('on the corpus, the probe', () => {
  beforeAll(async () => {
    if ('missing' in ffmpeg) return;
    const { files } = await makeCorpus({ ffmpeg: ffmpeg.path, folder: corpusFolder, timeoutMs: 600_000, print });
    for (const { name, path } of files) paths.set(name, path);
  }, 620_000);

  it('has at least 300 files, without those whose encoder is missing', () => {
    expect(paths.size).toBeGreaterThanOrEqual(300);
    expect(
      Object.keys({ ...differences, ...onlyFfprobe }).filter((name) => !cases.some((each) => each.name === name)),
    ).toEqual([]);
  });

  it.each(cases.map(({ name }) => name))('agrees with ffprobe on %s', async (name) => {
    const path = paths.get(name);
    if (path === undefined) return;
    const [result, reference] = await Promise.all([
      readFile(path).then((bytes) => probeFile(name, bytes)),
      referenceOf(path),
    ]);
    const group = differingGroups.find(({ names }) => names.test(name));
    const expected = reference && { ...reference, ...differences[name]?.facts, ...group?.facts };
    const duration = expected?.duration ?? null;
    // One counts frames, the other rounds to the container's clock.
    expect(result.facts).toEqual(expected && { ...expected, duration: duration && expect.closeTo(duration, 1) });
    if (result.facts === undefined) return;
    if (unusual.has(name)) expect(result.bytesFetched).toBeLessThanOrEqual(maxUnusualBytes);
    else expect(result.path).toBe(name in onlyFfprobe ? 'ffprobe' : 'in_process');
    if (result.path !== 'in_process' || unusual.has(name)) return;
    expect(result.requests).toBeLessThanOrEqual(maxRequests);
    expect(result.bytesFetched).toBeLessThanOrEqual(maxBytes);
  });

  it.each(['faststart-', 'codec-', 'fragmented-', 'live'])(
    'needs one request for %s… unless moov is at the end',
    async (start) => {
      const moovAtEnd = /^codec-.*\.(mp4|mov)$/;
      for (const [name, path] of paths) {
        if (!name.startsWith(start) || moovAtEnd.test(name) || name in onlyFfprobe) continue;
        const { requests, bytesFetched } = await probeFile(name, await readFile(path));
        // A JPEG's size is in its frame, which may come after long tables.
        expect([name, requests]).toEqual([name, name === 'faststart-mjpeg.mp4' ? expect.any(Number) : 1]);
        expect(bytesFetched).toBeLessThanOrEqual(64 * 1024);
      }
    },
  );
});
