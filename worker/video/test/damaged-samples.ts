import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '#chaos/random.ts';
import { VideoError } from '../../errors.ts';
import { probe } from '../probe.ts';
import { referenceOf } from './corpus/reference.ts';
import { inMemory, sample } from './test-videos.ts';

const options = { timeoutMs: 60_000, signal: new AbortController().signal };

/** The sample videos and their resolutions. */
export const samples: [name: string, resolution: string][] = [
  ['test_1.avi', '1280x720'],
  ['test_2.mp4', '1920x1080'],
  ['test_3.mov', '540x960'],
  ['test_4.mkv', '854x480'],
  ['test_5.webm', '640x360'],
];

export type DamageResult = {
  /** Damaged copies for which the probe finds a wrong resolution or none, though ffprobe finds the right one. */
  wrong: string[];
  /** Damaged copies for which the probe finds the right resolution. */
  right: number;
};

/** Flips `flips` single bits in the header of a sample, cuts it at `cuts` places, and probes each of these copies. */
export async function probeDamagedCopies(
  name: string,
  resolution: string,
  { flips, cuts }: { flips: number; cuts: number },
): Promise<DamageResult> {
  const folder = await mkdtemp(join(tmpdir(), 'damage-'));
  const path = join(folder, name);
  const result: DamageResult = { wrong: [], right: 0 };
  try {
    for (const { damage, bytes } of damagedCopies(name, sample(name), flips, cuts)) {
      const found = await resolutionOrDetail(bytes);
      if (found === resolution) {
        result.right += 1;
        continue;
      }
      await writeFile(path, bytes);
      const reference = await referenceOf(path);
      // ffprobe guesses the format if the first bytes do not show it; the probe rejects such a file.
      const refused = /^the file (looks like|is not a supported video|begins with zero)/.test(found);
      if (reference?.resolution === resolution && !refused) result.wrong.push(`${damage}: ${found}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return result;
}

/** Returns the resolution, or the detail of a VideoError. Throws any other error. */
async function resolutionOrDetail(bytes: Buffer): Promise<string> {
  try {
    return (await probe(inMemory(bytes), options)).facts.resolution;
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    return error.message;
  }
}

function* damagedCopies(
  name: string,
  bytes: Buffer,
  flips: number,
  cuts: number,
): Generator<{ damage: string; bytes: Buffer }, void> {
  const header = headerOffsets(name, bytes);
  // The same seed in every run damages the same bits.
  const random = seededRandom(bytes.length);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let flip = 0; flip < flips; flip += 1) {
    const [at, bit] = [header[below(header.length)] ?? 0, below(8)];
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at);
    yield { damage: `bit ${bit} of byte ${at} flipped`, bytes: copy };
  }
  for (let cut = 1; cut <= cuts; cut += 1) {
    const inHeader = cut <= cuts / 2;
    const end = inHeader
      ? (header[Math.floor((header.length * cut) / (cuts / 2 + 1))] ?? 0)
      : Math.floor((bytes.length * (cut - cuts / 2)) / (cuts / 2 + 1));
    yield { damage: `cut at ${end}`, bytes: bytes.subarray(0, end) };
  }
}

/** Offsets of everything that a parser reads before the frames, and of the beginning of the frames. */
function headerOffsets(name: string, bytes: Buffer): number[] {
  const endOf = (mark: string | Buffer) => bytes.indexOf(mark) + 64;
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  if (name.endsWith('.avi')) return range(0, endOf('movi'));
  if (name.endsWith('.mp4')) return range(0, endOf('mdat'));
  if (name.endsWith('.mov')) return [...range(0, 64), ...range(bytes.lastIndexOf('moov') - 4, bytes.length)];
  return range(0, endOf(Buffer.from('1f43b675', 'hex')));
}
