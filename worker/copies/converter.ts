import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Decoder } from '../pictures/decoder.ts';
import { runSandboxed } from '../sandbox/run.ts';
import { detectSandbox } from '../sandbox/sandbox.ts';
import { makeTemporaryFolder } from '../sandbox/temporary-folder.ts';
import { type Converter, converterLimits } from './ffmpeg.ts';
import type { CopyLimits } from './make-copy.ts';

const ENCODERS = ['libx264', 'aac'];
const DETECTION_TIMEOUT_MS = 20_000;

/** Returns the ffmpeg of pictures with a sandbox for copies, or why it cannot make copies. */
export async function detectConverter(
  decoder: Decoder | { missing: string },
  limits: CopyLimits,
): Promise<Converter | { missing: string }> {
  if ('missing' in decoder) return decoder;
  const { ffmpegPath } = decoder;
  const sandbox = await detectSandbox(ffmpegPath, converterLimits(limits));
  const folder = await makeTemporaryFolder(tmpdir());
  try {
    const args = ['-hide_banner', '-encoders'];
    const stop = AbortSignal.timeout(DETECTION_TIMEOUT_MS);
    const command = { name: 'ffmpeg', program: ffmpegPath, args, folder, sandbox, stop, maxOutputBytes: 1024 * 1024 };
    const encoders = (await runSandboxed(command)).output.toString('latin1');
    const lacking = ENCODERS.filter((name) => !new RegExp(`^ [A-Z.]{6} ${name} `, 'm').test(encoders));
    return lacking.length === 0 ? { ffmpegPath, sandbox } : { missing: `${ffmpegPath} lacks ${lacking.join(', ')}` };
  } catch (error) {
    return { missing: `${ffmpegPath} does not run (${error instanceof Error ? error.message : error})` };
  } finally {
    await rm(folder, { recursive: true });
  }
}
