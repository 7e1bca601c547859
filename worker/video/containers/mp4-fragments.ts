import type { BufferedReader } from './buffered-reader.ts';
import { type Box, boxesOf, readBox } from './mp4-boxes.ts';
import type { Sample } from './mp4-tables.ts';

/** What a track or a fragment states for samples that state nothing themselves. */
export type SampleDefaults = { length: number; flags: number; entry: number };

/** After moov a fragmented file has a few sidx boxes, then pairs of moof and mdat. */
const maxBoxes = 64;
/** Fragments of other tracks may come first. */
const maxFragments = 16;
const maxSamples = 1000;
const isNoKeyFrame = 0x10000;
/** ISO/IEC 14496-12, 8.8.7: the fields of tfhd that are present. */
const inTfhd = { baseOffset: 0x1, entry: 0x2, duration: 0x8, length: 0x10, flags: 0x20 };
/** ISO/IEC 14496-12, 8.8.8: those of trun. */
const inTrun = { offset: 0x1, firstFlags: 0x4, duration: 0x100, length: 0x200, flags: 0x400, composition: 0x800 };

type Search = { from: number; trackId: number; defaults: SampleDefaults };

/** Returns the first key frame of a track in the fragments after `from`; undefined if the first ones have none. */
export async function firstKeySampleOfFragments(reader: BufferedReader, search: Search): Promise<Sample | undefined> {
  let fragments = 0;
  let start = search.from;
  for (let boxes = 0; boxes < maxBoxes && fragments < maxFragments && start + 8 <= reader.size; boxes += 1) {
    const box = await readBox(reader, start, reader.size);
    if (box === undefined) return undefined;
    if (box.type === 'moof') {
      fragments += 1;
      const sample = await keySampleOf(reader, box, search);
      if (sample !== undefined) return sample;
    }
    start = box.end;
  }
  return undefined;
}

async function keySampleOf(reader: BufferedReader, moof: Box, search: Search): Promise<Sample | undefined> {
  for await (const fragment of boxesOf(reader, moof.at, Math.min(moof.end, reader.size))) {
    if (fragment.type !== 'traf') continue;
    let state: (SampleDefaults & { base: number; next: number }) | undefined;
    for await (const box of boxesOf(reader, fragment.at, fragment.end)) {
      if (box.type === 'tfhd') state = await readHeader(reader, box, moof, search);
      if (box.type !== 'trun' || state === undefined) continue;
      const { sample, end } = await readRun(reader, box, state);
      if (sample !== undefined) return sample;
      state.next = end;
    }
  }
  return undefined;
}

/** Returns undefined for another track. */
async function readHeader(reader: BufferedReader, { at, end }: Box, moof: Box, { trackId, defaults }: Search) {
  const bytes = await reader.upTo(Math.min(40, end - at), at);
  const present = bytes.readUIntBE(1, 3);
  if (bytes.readUInt32BE(4) !== trackId) return undefined;
  let position = 8;
  const field = (flag: number) => {
    if ((present & flag) === 0) return undefined;
    position += 4;
    return bytes.readUInt32BE(position - 4);
  };
  let base = moof.start;
  if ((present & inTfhd.baseOffset) > 0) {
    base = Number(bytes.readBigUInt64BE(position));
    position += 8;
  }
  const entry = field(inTfhd.entry) ?? defaults.entry;
  field(inTfhd.duration);
  const length = field(inTfhd.length) ?? defaults.length;
  // Without an offset the samples begin with the content of the mdat after this moof.
  return { base, entry, length, flags: field(inTfhd.flags) ?? defaults.flags, next: moof.end + 8 };
}

/** Returns the first key frame of the run, and where its last sample ends. */
async function readRun(
  reader: BufferedReader,
  { at, end }: Box,
  { base, next, ...defaults }: SampleDefaults & { base: number; next: number },
): Promise<{ sample: Sample | undefined; end: number }> {
  const bytes = await reader.upTo(Math.min(20 + 16 * maxSamples, end - at), at);
  const present = bytes.readUIntBE(1, 3);
  const samples = bytes.readUInt32BE(4);
  let position = 8;
  const field = (flag: number) => {
    if ((present & flag) === 0) return undefined;
    position += 4;
    return bytes.readUInt32BE(position - 4);
  };
  const offset = field(inTrun.offset);
  const firstFlags = field(inTrun.firstFlags);
  let sampleAt = offset === undefined ? next : base + (offset | 0);
  for (let index = 0; index < Math.min(samples, maxSamples); index += 1) {
    field(inTrun.duration);
    const length = field(inTrun.length) ?? defaults.length;
    const own = field(inTrun.flags);
    const flags = (index === 0 ? firstFlags : undefined) ?? own ?? defaults.flags;
    field(inTrun.composition);
    if ((flags & isNoKeyFrame) === 0 && length > 0) {
      return { sample: { at: sampleAt, length, entry: defaults.entry }, end: sampleAt };
    }
    sampleAt += length;
  }
  return { sample: undefined, end: sampleAt };
}
