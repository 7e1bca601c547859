import type { BufferedReader } from './buffered-reader.ts';
import { type Box, boxesOf, readBox } from './mp4-boxes.ts';

/** After moov a fragmented file has a few sidx boxes, then pairs of moof and mdat. */
const maxBoxes = 64;
/** Fragments of other tracks may come first. */
const maxFragments = 16;
const hasBaseOffset = 0x1;
const hasDataOffset = 0x1;

/** Returns the offset of the first chunk of a sample table; undefined if it has none. */
export async function firstChunk(reader: BufferedReader, sampleTable: Box): Promise<number | undefined> {
  for await (const { type, at, end } of boxesOf(reader, sampleTable.at, sampleTable.end)) {
    if (type !== 'stco' && type !== 'co64') continue;
    const length = type === 'stco' ? 12 : 16;
    const table = await reader.upTo(Math.min(length, end - at), at);
    if (table.length < length || table.readUInt32BE(4) === 0) return undefined;
    return type === 'stco' ? table.readUInt32BE(8) : Number(table.readBigUInt64BE(8));
  }
  return undefined;
}

/** Returns the offset of the first sample of a track in the fragments after `from`; undefined if the first ones have none. */
export async function firstSampleOfFragments(
  reader: BufferedReader,
  { from, trackId }: { from: number; trackId: number },
): Promise<number | undefined> {
  let fragments = 0;
  let start = from;
  for (let boxes = 0; boxes < maxBoxes && fragments < maxFragments && start + 8 <= reader.size; boxes += 1) {
    const box = await readBox(reader, start, reader.size);
    if (box === undefined) return undefined;
    if (box.type === 'moof') {
      fragments += 1;
      const sample = await firstSample(reader, box, trackId);
      if (sample !== undefined) return sample;
    }
    start = box.end;
  }
  return undefined;
}

/** ISO/IEC 14496-12, 8.8.7 and 8.8.8: tfhd names the track, trun the offset of its data. */
async function firstSample(reader: BufferedReader, moof: Box, trackId: number): Promise<number | undefined> {
  for await (const fragment of boxesOf(reader, moof.at, Math.min(moof.end, reader.size))) {
    if (fragment.type !== 'traf') continue;
    let base: number | undefined;
    for await (const { type, at } of boxesOf(reader, fragment.at, fragment.end)) {
      const fields = await reader.upTo(16, at);
      if (fields.length < 12) return undefined;
      const flags = fields.readUIntBE(1, 3);
      if (type === 'tfhd' && fields.readUInt32BE(4) === trackId) {
        base = (flags & hasBaseOffset) > 0 && fields.length === 16 ? Number(fields.readBigUInt64BE(8)) : moof.start;
      }
      if (type !== 'trun' || base === undefined) continue;
      // Without an offset the samples begin with the content of the mdat after this moof.
      return (flags & hasDataOffset) > 0 ? base + fields.readInt32BE(8) : moof.end + 8;
    }
  }
  return undefined;
}
