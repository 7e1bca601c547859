import { createRequire } from 'node:module';
import { VideoTimeout, VideoUnreadable } from '../../errors.ts';
import { type Exit, hasCrashed, runSandboxed } from '../../sandbox/run.ts';
import { type Limits, type Sandbox, undetectedSandbox } from '../../sandbox/sandbox.ts';
import { ALLOWED_DECODERS } from './codecs.ts';

export type FfprobeOptions = {
  /** Path of the binary; default: the static one of @ffprobe-installer. */
  ffprobePath?: string | undefined;
  /** The maximum time of all runs for one video together, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Folder for the temporary file; default: the system's. */
  temporaryFolder?: string | undefined;
  /** From detectSandbox; default: limits of CPU time and memory where possible. */
  sandbox?: Sandbox | undefined;
};

/**
 * Bytes of the frames that ffprobe may read for what the header does not state. Without this limit it walks the zeros
 * after the fetched parts: 400 ms for an AVI of 24 MB, 23 ms with it.
 */
const frameBytes = 16 * 1024;
/** ffprobe prints about 5 KiB for one video. */
const maxOutputBytes = 1024 * 1024;

/**
 * Most runs take 0.01 s of CPU, the worst seen took 0.4; shared cores take several times as long. Debian's ffprobe takes
 * 0.3 GiB of address space for an 8K picture, most of it for libraries.
 */
export const FFPROBE_LIMITS: Limits = { cpuSeconds: 4, memoryKiB: 1024 * 1024, fileKiB: 0, threads: 1 };

type Run = {
  folder: string;
  file: string;
  demuxer: string;
  /** Bytes before the first frame. */
  skippedBytes: number;
  options: FfprobeOptions;
  deadline: AbortSignal;
};

/**
 * Returns ffprobe's JSON for a local file. It may use one demuxer and one protocol, so a playlist cannot name another
 * file. Throws VideoUnreadable, VideoTimeout after the deadline, the signal's reason, or a plain Error if ffprobe cannot
 * be run.
 */
export async function runFfprobe({ folder, file, demuxer, skippedBytes, options, deadline }: Run): Promise<string> {
  const binary = options.ffprobePath ?? bundledFfprobe();
  const print = ['-v', 'error', '-of', 'json', '-show_streams', '-show_format'];
  const probeSize = ['-probesize', `${skippedBytes + frameBytes}`];
  const formats = ['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-f', demuxer];
  const decoders = ['-codec_whitelist', ALLOWED_DECODERS.join(',')];
  const args = [...print, ...probeSize, ...formats, ...decoders, '-i', `file:${file}`];
  const exit = await runSandboxed({
    name: 'ffprobe',
    program: binary,
    args,
    folder,
    // The static ffprobe must not load modules of the system's C library for the names of stations: it crashes.
    env: demuxer === 'mpegts' ? { GCONV_PATH: '/nonexistent' } : {},
    sandbox: options.sandbox ?? undetectedSandbox(FFPROBE_LIMITS),
    stop: AbortSignal.any([options.signal, deadline]),
    maxOutputBytes,
  });
  options.signal.throwIfAborted();
  if (deadline.aborted) throw new VideoTimeout(`ffprobe took longer than ${options.timeoutMs} ms`);
  return outputOf(exit, binary);
}

function outputOf(exit: Exit, binary: string): string {
  const { code, signal, output, errorOutput, tooMuchOutput } = exit;
  if (code === 0) return output.toString('utf8');
  const cause = new Error(errorOutput);
  if (tooMuchOutput) throw new VideoUnreadable('ffprobe printed too much about the file', { cause });
  if (signal === null) throw new VideoUnreadable('ffprobe cannot read the file', { cause });
  if (signal === 'SIGXCPU') throw new VideoUnreadable('ffprobe exceeded its CPU time limit on the file', { cause });
  if (signal === 'SIGXFSZ') throw new VideoUnreadable('ffprobe tried to write a file', { cause });
  if (hasCrashed(exit)) throw new VideoUnreadable(`ffprobe crashed on the file (${signal})`, { cause });
  throw new Error(`ffprobe was killed (${signal}): ${binary}`, { cause });
}

/** Returns the path of the default ffprobe. Not at import: the package throws on a platform for which it has no binary. */
export function bundledFfprobe(): string {
  const { path }: { path: string } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  return path;
}
