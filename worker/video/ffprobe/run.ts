import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { VideoTimeout, VideoUnreadable } from '../../errors.ts';
import { ALLOWED_DECODERS } from './codecs.ts';
import { type Sandbox, sandboxed } from './sandbox.ts';

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
const maxErrorOutput = 2048;
/** Signals by which a program crashes on its input. */
const crashSignals = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGSYS']);

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
  const stop = AbortSignal.any([options.signal, deadline]);
  stop.throwIfAborted();
  // Detached: a process group of its own, which can be killed as a whole. No environment variables, except that the
  // static ffprobe must not load modules of the system's C library for the names of stations: it crashes.
  const child = spawn(...sandboxed(options.sandbox, binary, args), {
    cwd: folder,
    env: demuxer === 'mpegts' ? { GCONV_PATH: '/nonexistent' } : {},
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = () => killGroup(child);
  stop.addEventListener('abort', kill, { once: true });
  try {
    const result = await resultOf(child, binary);
    options.signal.throwIfAborted();
    if (deadline.aborted) throw new VideoTimeout(`ffprobe took longer than ${options.timeoutMs} ms`);
    return outputOf(result, binary);
  } finally {
    stop.removeEventListener('abort', kill);
    // Any process that it left running.
    killGroup(child);
  }
}

type Result = {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  errorOutput: string;
  tooMuchOutput: boolean;
};

function resultOf(child: ChildProcess, binary: string): Promise<Result> {
  const output: Buffer[] = [];
  let length = 0;
  let errorOutput = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxOutputBytes) output.push(chunk);
    else killGroup(child);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errorOutput = (errorOutput + chunk.toString('latin1')).slice(0, maxErrorOutput);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`cannot run ffprobe: ${binary}`, { cause })));
    child.once('close', (code, signal) => {
      const tooMuchOutput = length > maxOutputBytes;
      resolve({ code, signal, output: Buffer.concat(output).toString('utf8'), errorOutput, tooMuchOutput });
    });
  });
}

function outputOf({ code, signal, output, errorOutput, tooMuchOutput }: Result, binary: string): string {
  if (code === 0) return output;
  const cause = new Error(errorOutput.replace(/[^\x21-\x7e]+/g, ' ').trim());
  if (tooMuchOutput) throw new VideoUnreadable('ffprobe printed too much about the file', { cause });
  // The shell's exit codes for a program that is not executable or not found, which is not a failure of the video.
  if (code === 126 || code === 127) {
    throw new Error(`cannot run ffprobe: ${binary}`, { cause: Object.assign(cause, { syscall: 'exec' }) });
  }
  // The system has no namespace left, for example. A video cannot make ffprobe print this.
  if (errorOutput.startsWith('unshare: ')) {
    throw new Error('cannot run ffprobe in its sandbox', { cause: Object.assign(cause, { syscall: 'unshare' }) });
  }
  if (signal === null) throw new VideoUnreadable('ffprobe cannot read the file', { cause });
  if (signal === 'SIGXCPU') throw new VideoUnreadable('ffprobe exceeded its CPU time limit on the file', { cause });
  if (signal === 'SIGXFSZ') throw new VideoUnreadable('ffprobe tried to write a file', { cause });
  if (crashSignals.has(signal)) throw new VideoUnreadable(`ffprobe crashed on the file (${signal})`, { cause });
  throw new Error(`ffprobe was killed (${signal}): ${binary}`, { cause });
}

/** A process group outlives its leader while it has members, and its number is not reused before. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // macOS answers EPERM for a process that has exited but was not reaped yet.
    const exited = error instanceof Error && 'code' in error && ['ESRCH', 'EPERM'].includes(`${error.code}`);
    if (!exited) throw error;
  }
}

/** Returns the path of the default ffprobe. Not at import: the package throws on a platform for which it has no binary. */
export function bundledFfprobe(): string {
  const { path }: { path: string } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  return path;
}
