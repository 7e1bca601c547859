import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { seededRandom } from '#chaos/random.ts';
import { VideoError } from '../../errors.ts';
import { detectSandbox } from '../../sandbox/sandbox.ts';
import { bundledFfprobe, FFPROBE_LIMITS } from '../ffprobe/run.ts';
import { probe } from '../probe.ts';
import { resourcesIn } from './leaked-resources.ts';
import { inMemory } from './test-videos.ts';

const folders = [join(import.meta.dirname, 'fixtures'), join(import.meta.dirname, '../../../nginx/videos')];
/** Length of the parts with the headers, at either end of a file. */
const headerBytes = 4096;

export type FuzzResult = {
  facts: number;
  failures: number;
  /** Files with an impossible resolution or an error other than the expected VideoErrors. */
  unexpected: string[];
  /** Growth of the heap after the first quarter of the files. */
  heapGrowthBytes: number;
};

/** Probes `count` damaged copies of all test videos, the same for the same seed. Fails if a run leaves resources behind. */
export async function fuzz(count: number, seed: number): Promise<FuzzResult> {
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'fuzz-test-'));
  try {
    const before = resourcesIn(temporaryFolder);
    const result = await probeDamaged(count, seed, temporaryFolder);
    await expect.poll(() => resourcesIn(temporaryFolder), { timeout: 50_000 }).toEqual(before);
    return result;
  } finally {
    await rm(temporaryFolder, { recursive: true });
  }
}

async function probeDamaged(count: number, seed: number, temporaryFolder: string): Promise<FuzzResult> {
  const originals = await readVideos();
  const signal = new AbortController().signal;
  const options = {
    timeoutMs: 60_000,
    signal,
    temporaryFolder,
    sandbox: await detectSandbox(bundledFfprobe(), FFPROBE_LIMITS),
  };
  const result: FuzzResult = { facts: 0, failures: 0, unexpected: [], heapGrowthBytes: 0 };
  let next = 0;
  const job = async () => {
    while (next < count) {
      const number = next;
      next += 1;
      if (number === Math.floor(count / 4)) result.heapGrowthBytes -= usedHeapBytes();
      if (number === count - 1) result.heapGrowthBytes += usedHeapBytes();
      const { name, bytes } = originals[number % originals.length] ?? { name: '', bytes: Buffer.alloc(0) };
      try {
        const { facts } = await probe(inMemory(damage(bytes, seededRandom(seed + number))), options);
        result.facts += 1;
        if (!/^[1-9]\d*x[1-9]\d*$/.test(facts.resolution))
          result.unexpected.push(`${number} ${name}: ${facts.resolution}`);
      } catch (error) {
        result.failures += 1;
        const expected = error instanceof VideoError && error.code !== 'video_timeout';
        if (!expected) result.unexpected.push(`${number} ${name}: ${error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, job));
  return result;
}

export async function readVideos(): Promise<{ name: string; bytes: Buffer }[]> {
  const paths = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  );
  const videos = paths.flat().filter((path) => /\.(mp4|mov|mkv|webm|avi)$/.test(path));
  return Promise.all(videos.map(async (path) => ({ name: path, bytes: await readFile(path) })));
}

/** Truncates one file in four anywhere; in the others flips up to 16 bits, most of them in the headers. */
export function damage(original: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  if (random() < 0.25) return original.subarray(0, below(original.length + 1));
  const bytes = Buffer.from(original);
  for (let flips = 1 + below(16); flips > 0 && bytes.length > 0; flips -= 1) {
    const limit = Math.min(headerBytes, bytes.length);
    const [head, tail] = [below(limit), bytes.length - 1 - below(limit)];
    const at = random() < 0.1 ? below(bytes.length) : random() < 0.6 ? head : tail;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
  }
  return bytes;
}

function usedHeapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
