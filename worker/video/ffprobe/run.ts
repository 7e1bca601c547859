import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { VideoTimeout, VideoUnreadable } from '../../errors.ts';
import { type Sandbox, sandboxed } from './sandbox.ts';

export type FfprobeOptions = {
  /** Path of the binary; the static one of @ffprobe-installer where undefined. */
  ffprobePath?: string | undefined;
  /** The longest all runs for one video may take together, milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Where the temporary file goes; the system's folder for such where undefined. */
  temporaryFolder?: string | undefined;
  /** What the platform lets us do, as findCage tells; where undefined the limits alone, without a word if they fail. */
  cage?: Sandbox | undefined;
};

/**
 * So much of the frames tells what the header does not; in search of more ffprobe walks the zeros behind what was
 * fetched: 400 ms in an AVI of 24 MB, 23 ms so.
 */
const frameBytes = 16 * 1024;
/** What ffprobe prints on one video is some 5 KiB. */
const mostOutput = 1024 * 1024;
const mostComplaints = 2048;
/** Signals by which a program stops itself on an input it cannot bear. */
const crashes = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGSYS']);

type Run = {
  folder: string;
  file: string;
  demuxer: string;
  /** What may come before the first frame. */
  skippedBytes: number;
  options: FfprobeOptions;
  deadline: AbortSignal;
};

/**
 * ffprobe's JSON on a local file. One demuxer and one protocol are allowed, so no playlist can name another file.
 * Throws VideoUnreadable, VideoTimeout past the deadline, the signal's reason, or a plain Error where ffprobe cannot
 * be run.
 */
export async function runFfprobe({ folder, file, demuxer, skippedBytes, options, deadline }: Run): Promise<string> {
  const binary = options.ffprobePath ?? bundledFfprobe();
  const only = ['-protocol_whitelist', 'file', '-format_whitelist', demuxer, '-f', demuxer];
  const print = [
    '-v',
    'error',
    '-of',
    'json',
    '-show_streams',
    '-show_format',
    '-probesize',
    `${skippedBytes + frameBytes}`,
  ];
  const args = [...print, ...only, '-i', `file:${file}`];
  const stop = AbortSignal.any([options.signal, deadline]);
  stop.throwIfAborted();
  // Its own process group, to be killed as a whole; nothing of our environment.
  const child = spawn(...sandboxed(options.cage, binary, args), {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = () => killGroup(child);
  stop.addEventListener('abort', kill, { once: true });
  try {
    const ended = await endOf(child, binary);
    options.signal.throwIfAborted();
    if (deadline.aborted) throw new VideoTimeout(`ffprobe took longer than ${options.timeoutMs} ms`);
    return outputOf(ended, binary);
  } finally {
    stop.removeEventListener('abort', kill);
    // Whatever it left running.
    killGroup(child);
  }
}

type Ended = {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  complaints: string;
  tooMuch: boolean;
};

function endOf(child: ChildProcess, binary: string): Promise<Ended> {
  const output: Buffer[] = [];
  let length = 0;
  let complaints = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= mostOutput) output.push(chunk);
    else killGroup(child);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString('latin1')).slice(0, mostComplaints);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`ffprobe cannot be run: ${binary}`, { cause })));
    child.once('close', (code, signal) => {
      const tooMuch = length > mostOutput;
      resolve({ code, signal, output: Buffer.concat(output).toString('utf8'), complaints, tooMuch });
    });
  });
}

function outputOf({ code, signal, output, complaints, tooMuch }: Ended, binary: string): string {
  if (code === 0) return output;
  const cause = new Error(complaints.replace(/[^\x21-\x7e]+/g, ' ').trim());
  if (tooMuch) throw new VideoUnreadable('ffprobe has no end of things to say about it', { cause });
  // By these two the shell says that it cannot become the program: not there, or none. That is no fault of the video.
  if (code === 126 || code === 127) {
    throw new Error(`ffprobe cannot be run: ${binary}`, { cause: Object.assign(cause, { syscall: 'exec' }) });
  }
  if (signal === null) throw new VideoUnreadable('ffprobe cannot read it', { cause });
  if (signal === 'SIGXCPU') throw new VideoUnreadable('ffprobe takes more CPU time on it than on any video', { cause });
  if (crashes.has(signal)) throw new VideoUnreadable(`ffprobe crashes on it (${signal})`, { cause });
  throw new Error(`ffprobe was killed (${signal}): ${binary}`, { cause });
}

/** The group outlives its leader while it has a member, and only so long does its number belong to it. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // macOS refuses to kill what has ended and was not buried yet.
    const ended = error instanceof Error && 'code' in error && ['ESRCH', 'EPERM'].includes(`${error.code}`);
    if (!ended) throw error;
  }
}

/** Resolved when asked, not at import: the package throws on a platform it has no binary for. */
function bundledFfprobe(): string {
  const { path }: { path: string } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  return path;
}
