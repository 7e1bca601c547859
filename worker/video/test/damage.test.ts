import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { VideoError } from '../../errors.ts';
import { probe } from '../probe.ts';
import { referenceOf } from './corpus/reference.ts';

const samples = join(import.meta.dirname, '../../../nginx/videos');
const options = { timeoutMs: 10_000, signal: new AbortController().signal };
const flips = 500;
const cuts = 40;
/** Of one damaged file; most take a millisecond, those that ffprobe judges some 30. */
const mostMs = 5_000;

/** Every run damages the same bits. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function inMemory(bytes: Buffer) {
  return {
    url: new URL('http://127.0.0.1/damaged'),
    size: bytes.length,
    bytesFetched: 0,
    requests: 0,
    read: async (start: number, end: number) => new Uint8Array(bytes.subarray(start, end)),
  };
}

/** The resolution, or the sentence of a VideoError. Any other error fails the test. */
async function tell(bytes: Buffer): Promise<{ resolution?: string; refused?: string; ms: number }> {
  const start = performance.now();
  try {
    const { facts } = await probe(inMemory(bytes), options);
    return { resolution: facts.resolution, ms: performance.now() - start };
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    return { refused: error.message, ms: performance.now() - start };
  }
}

/** Offsets of all that a parser looks at before the frames, and of where these begin. */
function headerOf(name: string, bytes: Buffer): number[] {
  const upTo = (mark: string | Buffer) => bytes.indexOf(mark) + 64;
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  if (name.endsWith('.avi')) return range(0, upTo('movi'));
  if (name.endsWith('.mp4')) return range(0, upTo('mdat'));
  if (name.endsWith('.mov')) return [...range(0, 64), ...range(bytes.lastIndexOf('moov') - 4, bytes.length)];
  return range(0, upTo(Buffer.from('1f43b675', 'hex')));
}

function* damaged(name: string, bytes: Buffer): Generator<{ what: string; bytes: Buffer }, void> {
  const header = headerOf(name, bytes);
  const random = randomFrom(bytes.length);
  for (let flip = 0; flip < flips; flip += 1) {
    const [at, bit] = [header[random(header.length)] ?? 0, random(8)];
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at);
    yield { what: `bit ${bit} of byte ${at} flipped`, bytes: copy };
  }
  for (let cut = 1; cut <= cuts; cut += 1) {
    const inHeader = cut <= cuts / 2;
    const end = inHeader
      ? (header[Math.floor((header.length * cut) / (cuts / 2 + 1))] ?? 0)
      : Math.floor((bytes.length * (cut - cuts / 2)) / (cuts / 2 + 1));
    yield { what: `cut at ${end}`, bytes: bytes.subarray(0, end) };
  }
}

it.each([
  ['test_1.avi', '1280x720'],
  ['test_2.mp4', '1920x1080'],
  ['test_3.mov', '540x960'],
  ['test_4.mkv', '854x480'],
  ['test_5.webm', '640x360'],
])('%s, damaged: no wrong resolution where ffprobe has the right one', { timeout: 120_000 }, async (name, truth) => {
  const folder = await mkdtemp(join(tmpdir(), 'damage-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, name);
  const whole = await readFile(join(samples, name));
  expect(await tell(whole)).toMatchObject({ resolution: truth });
  const faults: string[] = [];
  let right = 0;
  for (const { what, bytes } of damaged(name, whole)) {
    const { resolution, refused, ms } = await tell(bytes);
    if (ms > mostMs) faults.push(`${what}: took ${ms} ms`);
    if (resolution === truth) right += 1;
    if (resolution === truth) continue;
    await writeFile(path, bytes);
    const reference = await referenceOf(path);
    if (reference?.resolution !== truth) continue;
    // ffprobe guesses what a file is where its first bytes do not say; we take no file whose first bytes do not.
    const notOfTheFive = /^the file (looks like|is not a supported video|begins with zero)/.test(refused ?? '');
    if (!notOfTheFive) faults.push(`${what}: ${resolution ?? refused}`);
  }
  expect(faults).toEqual([]);
  // Most bits say nothing of the picture.
  expect(right).toBeGreaterThan(flips / 2);
});
