import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Exit, hasCrashed, runSandboxed } from '../sandbox/run.ts';
import type { Limits, Sandbox } from '../sandbox/sandbox.ts';
import { ALLOWED_DECODERS } from '../video/ffprobe/codecs.ts';
import { CopyError } from './error.ts';

/** Names in the folder of a copy, which is all that ffmpeg sees. */
export const ORIGINAL = 'original';
export const COPY = 'copy.mp4';

/** The ffmpeg of copies. */
export type Converter = { ffmpegPath: string; sandbox: Sandbox };

type Conversion = {
  /** Contains ORIGINAL; receives COPY. */
  folder: string;
  /** ffmpeg's name of the format. */
  demuxer: string;
  archive: boolean;
  maxSeconds: number;
  signal: AbortSignal;
  /** Receives the seconds of video that are done. */
  onProgress: (seconds: number) => void;
};

/**
 * 4K HEVC takes 0.6 GB of address space and 0.3 GB of memory, 8K H.264 about the same. Each codec, filter and file has a
 * thread of its own since ffmpeg 7.
 */
export function converterLimits({ maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number }): Limits {
  const cpuSeconds = Math.ceil(timeoutMs / 1_000);
  return { cpuSeconds, memoryKiB: 1024 * 1024, fileKiB: Math.ceil(maxBytes / 1024), threads: 32 };
}

/** The quality of x264 and the longer side in pixels. */
const ON_DEMAND = { pixels: 1280, crf: 23, preset: 'veryfast', audio: '96k' };
const ARCHIVE = { pixels: 640, crf: 30, preset: 'medium', audio: '48k' };
/** ffmpeg reports its progress twice a second. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const ENV = { MALLOC_ARENA_MAX: '1' };

/**
 * Makes an H.264 MP4 of the original. Throws CopyError for a video of which there can be none, the signal's reason, or a
 * plain Error if ffmpeg cannot be run or the disk is full.
 */
export async function convert(converter: Converter, conversion: Conversion): Promise<void> {
  try {
    await run(converter, conversion, ['-map', '0:a:0?', '-c:a', 'aac', '-ac', '2', '-ar', '44100']);
  } catch (error) {
    if (!(error instanceof CopyError) || error.reason !== 'decoder_failed') throw error;
    // The sound may be of a kind that ffmpeg or a browser does not know, and it is not worth losing the picture.
    await run(converter, conversion, ['-an']).catch((second) => {
      throw second instanceof CopyError && second.reason === 'decoder_failed' ? error : second;
    });
  }
}

async function run({ ffmpegPath, sandbox }: Converter, conversion: Conversion, sound: string[]): Promise<void> {
  const { folder, signal, maxSeconds, onProgress } = conversion;
  const tooLong = new AbortController();
  const onSeconds = (seconds: number) => {
    if (seconds > maxSeconds + 1) tooLong.abort();
    else onProgress(seconds);
  };
  const exit = await runSandboxed({
    name: 'ffmpeg',
    program: ffmpegPath,
    args: [...input(conversion), ...output(conversion, sound)],
    folder,
    env: ENV,
    sandbox,
    stop: AbortSignal.any([signal, tooLong.signal]),
    maxOutputBytes: MAX_OUTPUT_BYTES,
    lowPriority: true,
    endsWithWorker: true,
    onOutput: progressReader(onSeconds),
  });
  signal.throwIfAborted();
  if (tooLong.signal.aborted) throw new CopyError('too_long', `the video is longer than ${maxSeconds} s`);
  await check(exit, folder, sandbox.limits);
}

/** One demuxer, one protocol and the usual decoders: a playlist cannot name another file. */
function input({ demuxer }: Conversion): string[] {
  const quiet = ['-nostdin', '-hide_banner', '-v', 'error', '-nostats', '-progress', 'pipe:1'];
  const formats = ['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-f', demuxer];
  const decoders = ['-codec_whitelist', ALLOWED_DECODERS.join(','), '-threads', '1'];
  return [...quiet, ...formats, ...decoders, '-i', `file:${ORIGINAL}`];
}

function output({ archive }: Conversion, sound: string[]): string[] {
  const { pixels, crf, preset, audio } = archive ? ARCHIVE : ON_DEMAND;
  // Square pixels, and even sizes, which H.264 needs with this pixel format. ffmpeg has applied the rotation before.
  const factor = `min(1,${pixels}/max(iw*sar,ih))`;
  const size = (side: string) => `'max(2,2*trunc(${factor}*${side}/2))'`;
  const filters = ['yadif=deint=interlaced', `scale=w=${size('iw*sar')}:h=${size('ih')}`, 'setsar=1', 'format=yuv420p'];
  return [
    // V: no covers.
    ...['-map', '0:V:0', ...sound, ...(sound.includes('-an') ? [] : ['-b:a', audio]), '-sn', '-dn'],
    ...['-filter_threads', '1', '-vf', filters.join(',')],
    ...['-c:v', 'libx264', '-preset', preset, '-crf', `${crf}`, '-profile:v', 'high', '-threads', '1'],
    // The same video gives the same file.
    ...['-map_metadata', '-1', '-map_chapters', '-1', '-fflags', '+bitexact', '-flags', '+bitexact'],
    ...['-max_muxing_queue_size', '1024', '-movflags', '+faststart', '-f', 'mp4', '-y', `file:${COPY}`],
  ];
}

/** Returns a reader of the lines that `-progress` prints. */
function progressReader(onSeconds: (seconds: number) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = (lines.pop() ?? '').slice(-1_000);
    for (const line of lines) {
      const microseconds = /^out_time_us=(\d{1,18})$/.exec(line)?.[1];
      if (microseconds !== undefined) onSeconds(Number(microseconds) / 1_000_000);
    }
  };
}

async function check(exit: Exit, folder: string, { cpuSeconds, fileKiB }: Limits): Promise<void> {
  const { code, signal, errorOutput } = exit;
  const bytes = await stat(join(folder, COPY)).then(
    ({ size }) => size,
    () => 0,
  );
  if (code === 0 && bytes > 0) return;
  const cause = new Error(errorOutput);
  // ffmpeg handles SIGXCPU, and reports a file that is too large as any other error.
  if (signal === 'SIGXCPU' || (code === 255 && / 24\b/.test(errorOutput))) {
    throw new CopyError('too_slow', `the copy took more than ${cpuSeconds} s of CPU time`, { cause });
  }
  if (signal === 'SIGXFSZ' || /File too large/.test(errorOutput) || bytes >= fileKiB * 1024) {
    throw new CopyError('too_large', `the copy is larger than ${fileKiB * 1024} bytes`, { cause });
  }
  if (/No space left on device|Disk quota exceeded/.test(errorOutput) || (await isFull(folder))) {
    throw new Error('no space is left for copies', { cause: Object.assign(cause, { code: 'ENOSPC' }) });
  }
  if (hasCrashed(exit)) throw new CopyError('decoder_failed', `ffmpeg crashed on the video (${signal})`, { cause });
  // Killed by the system, which is out of memory, or by an administrator.
  if (signal !== null) throw new Error(`ffmpeg was killed (${signal})`, { cause });
  if (/Cannot allocate memory/.test(errorOutput)) {
    throw new CopyError('decoder_failed', 'ffmpeg needs more memory for the video than it may use', { cause });
  }
  throw new CopyError('decoder_failed', 'ffmpeg cannot decode the video', { cause });
}

/** Errors about the video can have replaced ffmpeg's message. */
async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < 1024 * 1024;
}
