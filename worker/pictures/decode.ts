import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Exit, hasCrashed, runSandboxed } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { makeTemporaryFolder } from '../sandbox/temporary-folder.ts';
import type { OpenVideo, VideoFacts } from '../video/types.ts';
import { FFMPEG_ENV } from './decoder.ts';
import { PictureError } from './error.ts';
import { countPackets, extractionArguments, pictureArguments, UNEXPECTED_SIZE } from './ffmpeg-arguments.ts';
import { type FrameFile, firstKeyFrame } from './key-frame.ts';
import { sizeOfWebp } from './webp.ts';

type PictureOptions = {
  /** From detectDecoder. */
  ffmpegPath: string;
  sandbox: Sandbox;
  /** The maximum time of ffmpeg, in milliseconds; reading the video has its own limits. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Folder for the temporary file; default: the system's. */
  temporaryFolder?: string | undefined;
};

/** A WebP of at most 640 x 1600 pixels, as shown: rotated, and with square pixels. */
export type Picture = { webp: Buffer; width: number; height: number };

/** A key frame takes at most as much; 640 x 1600 pixels of noise take 0.7 MB as WebP. */
const maxOutputBytes = 4 * 1024 * 1024;

/**
 * Returns a picture of the first key frame of the video stream that `facts` describe. Reads at most one more range of an
 * ordinary video. A damaged or incomplete frame yields no picture, rather than a grey one.
 * Throws PictureError, a VideoError of `video.read`, the signal's reason, or a plain Error if ffmpeg cannot be run.
 */
export async function makePicture(video: OpenVideo, facts: VideoFacts, options: PictureOptions): Promise<Picture> {
  const found = await firstKeyFrame(video, facts);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const folder = await makeTemporaryFolder(options.temporaryFolder ?? tmpdir());
  const run = { folder, deadline, options };
  try {
    const frame = found.content === 'frame' ? found : await extract(found, run);
    return await decode(frame, facts, run);
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Run = { folder: string; deadline: AbortSignal; options: PictureOptions };

/** Returns a file with the first key frame of the beginning of a video. */
async function extract(beginning: FrameFile, run: Run): Promise<FrameFile> {
  const exit = await runFfmpeg(beginning.file, extractionArguments(beginning.demuxer), run);
  if (exit.code !== 0 || exit.output.length === 0) {
    const cause = new Error(exit.errorOutput);
    throw new PictureError('frame_not_found', 'no key frame was found at the beginning of the video', { cause });
  }
  // Without a frame after it, its end may be missing.
  if (beginning.content === 'beginning' && countPackets(exit.errorOutput) < 2) {
    throw new PictureError('frame_too_large', 'the first key frame does not end within the part that may be read');
  }
  return { ...beginning, file: exit.output, demuxer: 'nut', content: 'frame' };
}

async function decode(frame: FrameFile, facts: VideoFacts, run: Run): Promise<Picture> {
  const exit = await runFfmpeg(frame.file, pictureArguments(frame, facts), run);
  if (exit.errorOutput.includes(`${UNEXPECTED_SIZE}`)) {
    throw new PictureError('frame_damaged', `the first key frame does not have ${facts.resolution} pixels`);
  }
  // An error in the frame does not always end ffmpeg with a failure.
  if (exit.code !== 0 || exit.errorOutput !== '' || exit.output.length === 0) {
    const cause = new Error(exit.errorOutput);
    throw new PictureError('frame_damaged', 'the first key frame cannot be decoded', { cause });
  }
  const size = sizeOfWebp(exit.output);
  if (size === undefined) throw new PictureError('decoder_failed', 'ffmpeg wrote no WebP');
  return { webp: exit.output, ...size };
}

/** Returns how ffmpeg ended by itself; its input is the file `frame`. */
async function runFfmpeg(input: Buffer, args: string[], { folder, deadline, options }: Run): Promise<Exit> {
  const { ffmpegPath, sandbox, signal, timeoutMs } = options;
  await writeFile(join(folder, 'frame'), input, { mode: 0o600 });
  const stop = AbortSignal.any([signal, deadline]);
  const run = { name: 'ffmpeg', program: ffmpegPath, args, folder, env: FFMPEG_ENV, sandbox, stop, maxOutputBytes };
  signal.throwIfAborted();
  if (deadline.aborted) throw new PictureError('decoder_timeout', `ffmpeg took longer than ${timeoutMs} ms`);
  const exit = await runSandboxed({ ...run, lowPriority: true });
  signal.throwIfAborted();
  if (deadline.aborted) throw new PictureError('decoder_timeout', `ffmpeg took longer than ${timeoutMs} ms`);
  const cause = new Error(exit.errorOutput);
  if (exit.tooMuchOutput) throw new PictureError('decoder_failed', 'ffmpeg wrote too much', { cause });
  if (exit.signal === 'SIGXCPU')
    throw new PictureError('decoder_failed', 'ffmpeg exceeded its CPU time limit', { cause });
  if (exit.signal !== null) {
    const what = hasCrashed(exit) ? 'crashed on the frame' : 'was killed';
    throw new PictureError('decoder_failed', `ffmpeg ${what} (${exit.signal})`, { cause });
  }
  return exit;
}
