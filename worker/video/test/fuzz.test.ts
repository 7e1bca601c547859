import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { seededRandom } from '#chaos/random.ts';
import { VideoError } from '../../errors.ts';
import { detectSandbox } from '../ffprobe/sandbox.ts';
import { probe } from '../probe.ts';
import type { OpenVideo } from '../types.ts';
import { type Held, held, heldAtRest } from './leaked-resources.ts';

const SEED = 2026;
const FILES = 2000;
const FOLDERS = [join(import.meta.dirname, 'fixtures'), join(import.meta.dirname, '../../../nginx/videos')];
/** Where the headers are, at either end. */
const HEADER = 4096;
const timeoutMs = 5000;

let temporaryFolder: string;
let before: Held;

beforeEach(async () => {
  temporaryFolder = await mkdtemp(join(tmpdir(), 'fuzz-test-'));
  before = held(temporaryFolder);
});

afterEach(async () => {
  const after = await heldAtRest(temporaryFolder, before);
  await rm(temporaryFolder, { recursive: true });
  expect(after).toEqual(before);
});

async function samples(): Promise<{ name: string; bytes: Buffer }[]> {
  const lists = await Promise.all(FOLDERS.map(async (folder) => (await readdir(folder)).map((name) => [folder, name])));
  const videos = lists.flat().filter(([, name]) => /\.(mp4|mov|mkv|webm|avi)$/.test(`${name}`));
  return Promise.all(
    videos.map(async ([folder, name]) => ({ name: `${name}`, bytes: await readFile(join(`${folder}`, `${name}`)) })),
  );
}

/** One in four cut short, anywhere; else up to 16 bits turned, most of them where the headers are. */
function damaged(original: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  if (random() < 0.25) return original.subarray(0, below(original.length + 1));
  const bytes = Buffer.from(original);
  for (let flips = 1 + below(16); flips > 0 && bytes.length > 0; flips -= 1) {
    const [head, tail] = [
      below(Math.min(HEADER, bytes.length)),
      bytes.length - 1 - below(Math.min(HEADER, bytes.length)),
    ];
    const at = random() < 0.1 ? below(bytes.length) : random() < 0.6 ? head : tail;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
  }
  return bytes;
}

function inMemory(bytes: Buffer): OpenVideo {
  return {
    url: new URL('http://videos.invalid/x'),
    size: bytes.length,
    bytesFetched: 0,
    requests: 0,
    read: async (start, end) => new Uint8Array(bytes.subarray(Math.max(start, 0), Math.max(start, end, 0))),
  };
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

it(`${FILES} damaged files end in facts or a reason, soon, and leave nothing`, { timeout: 120_000 }, async () => {
  const originals = await samples();
  const options = { timeoutMs, signal: new AbortController().signal, temporaryFolder, sandbox: await detectSandbox() };
  const outcomes = { facts: 0, reasons: 0 };
  const wrong: string[] = [];
  const heaps: number[] = [];
  let next = 0;
  const job = async () => {
    while (next < FILES) {
      const number = next;
      next += 1;
      if (number === FILES / 4 || number === FILES - 1) heaps.push(heapUsed());
      const { name, bytes } = originals[number % originals.length] ?? { name: '', bytes: Buffer.alloc(0) };
      const started = performance.now();
      try {
        const { facts } = await probe(inMemory(damaged(bytes, seededRandom(SEED + number))), options);
        if (!/^[1-9]\d*x[1-9]\d*$/.test(facts.resolution)) wrong.push(`${number} ${name}: ${JSON.stringify(facts)}`);
        outcomes.facts += 1;
      } catch (error) {
        if (!(error instanceof VideoError)) wrong.push(`${number} ${name}: ${error}`);
        outcomes.reasons += 1;
      }
      if (performance.now() - started > 2 * timeoutMs) wrong.push(`${number} ${name}: took too long`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, job));
  expect(wrong).toEqual([]);
  // Damage that nobody could tell, or that everybody does, would show that nothing was looked at.
  expect(Math.min(outcomes.facts, outcomes.reasons)).toBeGreaterThan(FILES / 10);
  const [early = 0, late = 0] = heaps;
  expect(late - early).toBeLessThan(16 * 1024 * 1024);
});
