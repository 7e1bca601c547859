import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Exit, hasCrashed, runSandboxed } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { makeTemporaryFolder } from '../sandbox/temporary-folder.ts';
import { PICTURE_DECODERS } from '../video/ffprobe/codecs.ts';
import type { OpenVideo, VideoFacts } from '../video/types.ts';
import { FFMPEG_ENV } from './decoder.ts';
import { PictureError } from './error.ts';
import { type FrameFile, firstKeyFrame } from './key-frame.ts';
import { sizeOfWebp } from './webp.ts';

export type PictureOptions = {
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

/** A picture of 640 x 1600 pixels of noise takes 0.7 MB. */
const maxPictureBytes = 4 * 1024 * 1024;

/**
 * Returns a picture of the first key frame of the video stream that `facts` describe. Reads at most one more range of an
 * ordinary video. Damaged or incomplete frames yield no picture, rather than a grey one.
 * Throws PictureError, a VideoError of `video.read` that another attempt may not meet, the signal's reason, or a plain
 * Error if ffmpeg cannot be run.
 */
export async function makePicture(video: OpenVideo, facts: VideoFacts, options: PictureOptions): Promise<Picture> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const frame = await firstKeyFrame(video, facts);
  const folder = await makeTemporaryFolder(options.temporaryFolder ?? tmpdir());
  try {
    await using handle = await open(join(folder, 'frame'), 'w', 0o600);
    await handle.write(frame.file);
    const exit = await runSandboxed({
      name: 'ffmpeg',
      program: options.ffmpegPath,
      args: argumentsFor(frame, facts),
      folder,
      env: FFMPEG_ENV,
      sandbox: options.sandbox,
      stop: AbortSignal.any([options.signal, deadline]),
      maxOutputBytes: maxPictureBytes,
      lowPriority: true,
    });
    options.signal.throwIfAborted();
    if (deadline.aborted) throw new PictureError('decoder_timeout', `ffmpeg took longer than ${options.timeoutMs} ms`);
    return pictureOf(exit);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One demuxer, one protocol, few decoders, one thread, one picture; every error in the frame is fatal. */
function argumentsFor({ demuxer, rotatesItself }: FrameFile, facts: VideoFacts): string[] {
  const input = ['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-f', demuxer];
  const decoder = ['-codec_whitelist', PICTURE_DECODERS.join(','), '-threads', '1'];
  const strict = ['-xerror', '-err_detect', 'crccheck+bitstream+buffer+explode', '-ec', '0'];
  return [
    ...['-nostdin', '-hide_banner', '-v', 'error', ...strict, ...decoder],
    ...[...(rotatesItself ? [] : ['-noautorotate']), ...input, '-i', 'file:frame'],
    ...['-map', '0:v:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-frames:v', '1', '-filter_threads', '1'],
    ...['-vf', filters(facts, rotatesItself), '-c:v', 'libwebp', '-threads', '1', '-quality', '75'],
    ...['-f', 'image2pipe', 'pipe:1'],
  ];
}

const turns: Record<VideoFacts['rotation'], string[]> = {
  0: [],
  90: ['transpose=clock'],
  180: ['hflip', 'vflip'],
  270: ['transpose=cclock'],
};

/** Scales pixels to squares and the picture to at most 640 x 1600, never up; through RGB, because WebP has one matrix. */
function filters({ rotation }: VideoFacts, isRotated: boolean): string {
  const factor = 'min(1,min(640/(iw*sar),1600/ih))';
  const scale = `scale=w='max(1,round(iw*sar*${factor}))':h='max(1,round(ih*${factor}))'`;
  return [...(isRotated ? [] : turns[rotation]), scale, 'setsar=1', 'format=rgb24', 'format=bgra'].join(',');
}

function pictureOf(exit: Exit): Picture {
  const { code, signal, output, errorOutput, tooMuchOutput } = exit;
  const cause = new Error(errorOutput);
  if (tooMuchOutput) throw new PictureError('decoder_failed', 'ffmpeg wrote too large a picture', { cause });
  if (signal === 'SIGXCPU') throw new PictureError('decoder_failed', 'ffmpeg exceeded its CPU time limit', { cause });
  if (hasCrashed(exit)) throw new PictureError('decoder_failed', `ffmpeg crashed on the frame (${signal})`, { cause });
  if (signal !== null) throw new PictureError('decoder_failed', `ffmpeg was killed (${signal})`, { cause });
  // An error in the frame does not always end ffmpeg with a failure.
  if (code !== 0 || errorOutput !== '' || output.length === 0) {
    throw new PictureError('frame_damaged', 'the first key frame cannot be decoded', { cause });
  }
  const size = sizeOfWebp(output);
  if (size === undefined) throw new PictureError('decoder_failed', 'ffmpeg wrote no WebP', { cause });
  return { webp: output, ...size };
}
