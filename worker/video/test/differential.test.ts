import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { VideoError } from '../../errors.ts';
import { probe } from '../probe.ts';
import { cases } from './corpus/cases.ts';
import { corpusFolder, findFfmpeg, makeCorpus } from './corpus/make.ts';
import { type Reference, referenceOf } from './corpus/reference.ts';
import { openStack } from './open-video.ts';

const { CI, PATH = '' } = process.env;
const say = (line: string) => process.stderr.write(`${line}\n`);
const ffmpeg = await findFfmpeg({ searchPath: PATH, mayInstall: process.getuid?.() === 0, print: say });
if ('missing' in ffmpeg) {
  if (CI && CI !== 'false') throw new Error(`${ffmpeg.missing}. With CI set a missing part fails the run.`);
  say(`${ffmpeg.missing}. The comparison of the probes with ffprobe is skipped.`);
}

/** Where we say something else than ffprobe on the whole file, and why. */
const listed: Record<string, { what: Partial<Reference>; why: string }> = {
  'fragmented-h264.mp4': { what: { duration: null }, why: 'ffprobe adds up all fragments; the header does not say' },
  'fragmented-hevc.mp4': { what: { duration: null }, why: 'as above' },
  'fragmented-mpeg4.mp4': { what: { duration: null }, why: 'as above' },
  'dash.mp4': { what: { duration: null }, why: 'as above' },
};

/** What is not read in process, and why. Everything else is. */
const forFfprobe: Record<string, string> = {
  'codec-mpeg2.mp4': 'a codec of tapes and broadcasts',
  'codec-mpeg2.mkv': 'a codec of tapes and broadcasts',
  'codec-mpeg2.avi': 'a codec of tapes and broadcasts',
  'codec-prores.mkv': 'Matroska cuts the name off the frame by which it is known',
  'codec-raw-rgb.mov': 'not every raw picture that is described can be decoded',
  'fragmented-av1.mp4': 'the header has no sequence; the first frame is in a fragment',
  'fragmented-vp9.mp4': 'the size is told by the first frame, which is in a fragment',
  'fragmented-mjpeg.mp4': 'the size is told by the first frame, which is in a fragment',
  'uncropped.mp4': 'the bits say 1088 lines, the container 1080',
  'uncropped.mkv': 'the bits say 1088 lines, the container 1080',
  'uncropped.avi': 'the bits say 1088 lines, the container 1080',
  'cropped-more.mp4': 'the bits crop to 1280x720, the container says 1920x1080',
  'cropped-more.avi': 'the bits crop to 1280x720, the container says 1920x1080',
  'late-lying.avi': 'the bits say 320x240, the container 704x240',
  'far-lying.mp4': 'the bits say 176x144, the container 704x144',
  'late-lying.mkv': 'the bits say 320x240, the container 704x240',
  'handler-last.mp4': 'what a track holds is told before its kind',
  'no-track-header.mp4': 'a track without a header',
  'disabled.mkv': 'whether a disabled track counts',
  'tilted.mp4': 'the matrix turns by 10 degrees',
  'mirrored.mp4': 'the matrix mirrors',
};

/** Tables of megabytes, what stands before the header, or a first frame far from it take a second or third request. */
const mostRequests = 3;
const mostBytes = 96 * 1024;

const options = { timeoutMs: 10_000, signal: new AbortController().signal };
const paths = new Map<string, string>();

/** Facts in the reference's form, or undefined; what is neither fails the test. */
async function probed(name: string, bytes: Buffer) {
  await using house = await openStack({ files: { [name]: bytes } });
  const video = await house.open(name);
  try {
    const { facts, path } = await probe(video, options);
    const { resolution, rotation, codec, duration } = facts;
    return { facts: { resolution, rotation, codec, duration }, path, ...house.meter };
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    return { facts: undefined, path: undefined, ...house.meter };
  }
}

describe.skipIf('missing' in ffmpeg)('on a corpus of videos, the probe', () => {
  beforeAll(async () => {
    if ('missing' in ffmpeg) return;
    const { files } = await makeCorpus({ ffmpeg: ffmpeg.path, folder: corpusFolder, limitMs: 180_000, say });
    for (const { name, path } of files) paths.set(name, path);
  }, 200_000);

  it('has at least 120 of them, those whose encoder is missing aside', () => {
    expect(paths.size).toBeGreaterThanOrEqual(120);
    expect(
      Object.keys({ ...listed, ...forFfprobe }).filter((name) => !cases.some((each) => each.name === name)),
    ).toEqual([]);
  });

  it.each(cases.map(({ name }) => name))('agrees with ffprobe on %s', async (name) => {
    const path = paths.get(name);
    if (path === undefined) return;
    const [ours, reference] = await Promise.all([
      readFile(path).then((bytes) => probed(name, bytes)),
      referenceOf(path),
    ]);
    const expected = reference && { ...reference, ...listed[name]?.what };
    const duration = expected?.duration ?? null;
    // Frames are counted by one, rounded to the clock of the container by the other.
    expect(ours.facts).toEqual(expected && { ...expected, duration: duration && expect.closeTo(duration, 1) });
    if (ours.facts === undefined) return;
    expect(ours.path).toBe(name in forFfprobe ? 'ffprobe' : 'in_process');
    if (ours.path !== 'in_process') return;
    expect(ours.requests).toBeLessThanOrEqual(mostRequests);
    expect(ours.bytesFetched).toBeLessThanOrEqual(mostBytes);
  });

  it.each(['faststart-', 'codec-', 'fragmented-', 'live'])(
    'needs one request for %s…, moov at the end aside',
    async (start) => {
      const moovAtEnd = /^codec-.*\.(mp4|mov)$/;
      for (const [name, path] of paths) {
        if (!name.startsWith(start) || moovAtEnd.test(name) || name in forFfprobe) continue;
        const { requests, bytesFetched } = await probed(name, await readFile(path));
        // A JPEG tells its size in the frame, which may be behind the tables.
        expect([name, requests]).toEqual([name, name === 'faststart-mjpeg.mp4' ? expect.any(Number) : 1]);
        expect(bytesFetched).toBeLessThanOrEqual(64 * 1024);
      }
    },
  );
});
