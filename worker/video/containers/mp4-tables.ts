import type { BufferedReader } from './buffered-reader.ts';
import type { Box } from './mp4-boxes.ts';

/** `entry`: the number of its sample entry in stsd. */
export type Sample = { at: number; length: number; entry: number };

/** A recording begins with a key frame, or has one within a few seconds. */
const maxSamples = 1000;
/** Runs of chunks with equally many samples. */
const maxRuns = 1000;

/**
 * Returns the first sample that stss lists, or the first one if there is no stss; undefined if the tables of the track,
 * boxes by type, have none that this function can find.
 */
export async function firstKeySample(reader: BufferedReader, boxes: Map<string, Box>): Promise<Sample | undefined> {
  const number = await firstKeyNumber(reader, boxes.get('stss'));
  const chunk = number === undefined ? undefined : await chunkOf(reader, boxes.get('stsc'), number);
  if (number === undefined || chunk === undefined) return undefined;
  const chunkAt = await chunkOffset(reader, boxes, chunk.number);
  const sizes = await sizesOf(reader, boxes.get('stsz'), chunk.firstSample, number);
  const length = sizes?.pop();
  if (chunkAt === undefined || sizes === undefined || length === undefined) return undefined;
  return { at: sizes.reduce((sum, size) => sum + size, chunkAt), length, entry: chunk.entry };
}

/** Returns the fields of 32 bits after version and flags; fewer at the end of the box. */
async function fieldsOf(reader: BufferedReader, { at, end }: Box, first: number, count: number): Promise<number[]> {
  const from = at + 4 + 4 * first;
  const bytes = await reader.upTo(Math.max(0, Math.min(4 * count, end - from)), from);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readUInt32BE(4 * index));
}

async function firstKeyNumber(reader: BufferedReader, stss: Box | undefined): Promise<number | undefined> {
  if (stss === undefined) return 1;
  const [count = 0, first] = await fieldsOf(reader, stss, 0, 2);
  return count > 0 && first !== undefined && first > 0 && first <= maxSamples ? first : undefined;
}

type Chunk = { number: number; firstSample: number; entry: number };

/** Returns the chunk that contains a sample; all numbers begin at 1. */
async function chunkOf(reader: BufferedReader, stsc: Box | undefined, sample: number): Promise<Chunk | undefined> {
  if (stsc === undefined) return undefined;
  const [runs = 0] = await fieldsOf(reader, stsc, 0, 1);
  const fields = await fieldsOf(reader, stsc, 1, 3 * Math.min(runs, sample + 1, maxRuns));
  let firstSample = 1;
  for (let run = 0; 3 * run + 2 < fields.length; run += 1) {
    const [first = 0, samples = 0, entry = 1] = fields.slice(3 * run, 3 * run + 3);
    const next = fields[3 * run + 3] ?? Number.POSITIVE_INFINITY;
    if (samples === 0 || next <= first) return undefined;
    const chunks = Math.floor((sample - firstSample) / samples);
    if (first + chunks < next) return { number: first + chunks, firstSample: firstSample + chunks * samples, entry };
    firstSample += (next - first) * samples;
  }
  return undefined;
}

async function chunkOffset(
  reader: BufferedReader,
  boxes: Map<string, Box>,
  number: number,
): Promise<number | undefined> {
  const [short, long] = [boxes.get('stco'), boxes.get('co64')];
  if (long !== undefined) {
    const [high, low] = await fieldsOf(reader, long, 1 + 2 * (number - 1), 2);
    return high === undefined || low === undefined ? undefined : high * 2 ** 32 + low;
  }
  return short && (await fieldsOf(reader, short, number, 1))[0];
}

/** Returns the sizes of the samples from `first` to `last`. */
async function sizesOf(
  reader: BufferedReader,
  stsz: Box | undefined,
  first: number,
  last: number,
): Promise<number[] | undefined> {
  if (stsz === undefined) return undefined;
  const count = last - first + 1;
  const [common = 0, all = 0] = await fieldsOf(reader, stsz, 0, 2);
  if (last > all) return undefined;
  if (common > 0) return Array.from({ length: count }, () => common);
  const sizes = await fieldsOf(reader, stsz, 1 + first, count);
  return sizes.length === count ? sizes : undefined;
}
