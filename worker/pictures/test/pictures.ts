import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { probe } from '../../video/probe.ts';
import { inMemory } from '../../video/test/test-videos.ts';
import type { VideoFacts } from '../../video/types.ts';
import { makePicture, type Picture } from '../decode.ts';
import { type Decoder, detectDecoder } from '../decoder.ts';

const run = promisify(execFile);
const signal = new AbortController().signal;
export const timeoutMs = 60_000;

const program = await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);

/** Returns the ffmpeg of the system; undefined if there is none, and the tests are skipped. */
export async function testDecoder(): Promise<Decoder | undefined> {
  if ('missing' in program) return undefined;
  const decoder = await detectDecoder(program.path, undefined);
  if ('missing' in decoder) throw new Error(decoder.missing);
  return decoder;
}

export type Made = { facts: VideoFacts; picture: Picture };

/** Probes a video in memory and makes its picture. Throws the errors of both. */
export async function pictureOf(bytes: Uint8Array, decoder: Decoder, temporaryFolder?: string): Promise<Made> {
  const video = inMemory(bytes);
  const { facts } = await probe(video, { timeoutMs, signal, anyContent: true });
  return { facts, picture: await makePicture(video, facts, { ...decoder, timeoutMs, signal, temporaryFolder }) };
}

/** The picture that ffmpeg shows first when it reads the whole file. `pixels`: of the size of `like`, red, green, blue. */
export type Shown = { width: number; height: number; pixels: Buffer };

/** Returns the first picture of a file, in this size and with square pixels. */
export async function firstPicture(
  path: string,
  { width, height }: { width: number; height: number },
): Promise<Buffer> {
  return pixelsOf(path, ['-map', '0:V:0'], `scale=${width}:${height},setsar=1`);
}

/** Returns the pixels of an image file. */
export function pixelsOf(path: string, map: string[] = [], filter = 'null'): Promise<Buffer> {
  if ('missing' in program) throw new Error(program.missing);
  const args = ['-v', 'error', '-i', path, ...map, '-frames:v', '1', '-vf', `${filter},format=rgb24`];
  const options = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024, timeout: timeoutMs } as const;
  return run(program.path, [...args, '-f', 'rawvideo', 'pipe:1'], options).then(({ stdout }) => stdout);
}

/** Returns the peak signal-to-noise ratio of two pictures of the same size, in decibels: above 30, they look the same. */
export function similarity(one: Buffer, other: Buffer): number {
  if (one.length !== other.length || one.length === 0) return 0;
  let sum = 0;
  for (let index = 0; index < one.length; index += 1) sum += ((one[index] ?? 0) - (other[index] ?? 0)) ** 2;
  return sum === 0 ? 100 : 10 * Math.log10(255 ** 2 / (sum / one.length));
}

/** Returns the file that ffmpeg makes of these arguments; the last one is appended. */
export async function makeVideo(args: string[], path: string): Promise<void> {
  if ('missing' in program) throw new Error(program.missing);
  await run(program.path, ['-v', 'error', '-nostdin', '-y', ...args, path], { timeout: timeoutMs });
}
