import { access, constants, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { runSandboxed } from '../sandbox/run.ts';
import { detectSandbox, type Limits, type Sandbox } from '../sandbox/sandbox.ts';
import { makeTemporaryFolder } from '../sandbox/temporary-folder.ts';

/**
 * One picture takes 0.1 s of CPU and 65 MB, an 8K picture 0.6 s and 200 MB; the libraries of Debian's ffmpeg take another
 * 0.3 GiB of address space. ffmpeg 5.1 starts one thread for its output, newer ones a few more.
 */
export const PICTURE_LIMITS: Limits = { cpuSeconds: 10, memoryKiB: 768 * 1024, fileKiB: 0, threads: 24 };

/** An ffmpeg that can make pictures. */
export type Decoder = { ffmpegPath: string; version: string; sandbox: Sandbox };

/** Codecs without which an ffmpeg is of no use, and what the pictures are encoded with. */
const NEEDED_DECODERS = ['h264', 'hevc', 'mpeg4', 'mjpeg', 'vp8', 'vp9'];
const NEEDED_ENCODERS = ['libwebp'];
const DETECTION_TIMEOUT_MS = 20_000;
const INSTALL = 'install ffmpeg (on Debian and Ubuntu: apt-get install ffmpeg), or set FFMPEG_PATH';

/**
 * Finds the ffmpeg for pictures, `ffmpegPath` or the one on the PATH, and runs it in its sandbox to see what it can do.
 * Returns one sentence on what to install if there is none that works. Takes about 0.5 s, once at the start.
 */
export async function detectDecoder(
  ffmpegPath: string | undefined,
  searchPath: string | undefined,
): Promise<Decoder | { missing: string }> {
  const path = ffmpegPath ?? (await findOnPath('ffmpeg', searchPath ?? ''));
  if (path === undefined) return { missing: `ffmpeg is not installed: ${INSTALL}` };
  const sandbox = await detectSandbox(path, PICTURE_LIMITS);
  const print = (args: string[]) => outputOf(path, args, sandbox);
  try {
    const version = /^ffmpeg version (\S+)/.exec(await print(['-version']))?.[1];
    if (version === undefined) return { missing: `${path} is not ffmpeg: ${INSTALL}` };
    const [decoders, encoders] = [await print(['-decoders']), await print(['-encoders'])];
    const has = (list: string, name: string) => new RegExp(`^ [A-Z.]{6} ${name} `, 'm').test(list);
    const lacking = [
      ...NEEDED_DECODERS.filter((name) => !has(decoders, name)),
      ...NEEDED_ENCODERS.filter((name) => !has(encoders, name)),
    ];
    if (lacking.length > 0) return { missing: `${path} lacks ${lacking.join(', ')}: ${INSTALL}` };
    return { ffmpegPath: path, version, sandbox };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: `${path} does not run (${reason}): ${INSTALL}` };
  }
}

async function outputOf(program: string, args: string[], sandbox: Sandbox): Promise<string> {
  const folder = await makeTemporaryFolder(tmpdir());
  try {
    const stop = AbortSignal.timeout(DETECTION_TIMEOUT_MS);
    const run = { name: 'ffmpeg', program, args: ['-hide_banner', ...args], folder, env: FFMPEG_ENV, sandbox, stop };
    const { code, output, errorOutput } = await runSandboxed({ ...run, maxOutputBytes: 1024 * 1024 });
    if (code !== 0) throw new Error(errorOutput || 'it ended early');
    return output.toString('latin1');
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A thread would reserve 64 MiB of address space for its own allocations. */
export const FFMPEG_ENV = { MALLOC_ARENA_MAX: '1' };

async function findOnPath(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    // A relative entry would depend on the folder in which the worker was started.
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
