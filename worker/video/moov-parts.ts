import { windowBytes } from './range-reader.ts';
import type { OpenVideo } from './video.ts';

type Span = [start: number, end: number];

const headerBytes = 16;
/** Files have a handful of boxes at the top, fragmented ones keep moov before their many moof. */
const mostBoxes = 64;

/**
 * Walks the top-level boxes of an mp4 or mov by their headers, as a parser must.
 * What there is to see: the whole of moov; of each box before it and of the one behind it the window where it begins,
 * which holds the first frame if the box is mdat: some decoders take 0x0 from zeros in its place. Undefined: no moov.
 */
export async function moovParts(video: OpenVideo): Promise<Span[] | undefined> {
  const parts: Span[] = [];
  let start = 0;
  for (let boxes = 0; boxes < mostBoxes && start + 8 <= video.size; boxes += 1) {
    const box = await readBox(video, start);
    if (box === undefined) return undefined;
    const end = start + box.size;
    if (box.type === 'moov') return [...parts, [start, end], beginning(end)];
    parts.push(beginning(start));
    start = end;
  }
  return undefined;
}

/** Up to the end of the window that reading the header has fetched. */
function beginning(start: number): Span {
  return [start, Math.ceil((start + headerBytes) / windowBytes) * windowBytes];
}

async function readBox(video: OpenVideo, start: number): Promise<{ type: string; size: number } | undefined> {
  const header = Buffer.from(await video.read(start, start + headerBytes));
  const type = header.toString('latin1', 4, 8);
  const short = header.readUInt32BE(0);
  if (short === 0) return { type, size: video.size - start };
  if (short > 1) return short < 8 ? undefined : { type, size: short };
  const long = header.length < 16 ? 0n : header.readBigUInt64BE(8);
  return long < 16n || long > BigInt(video.size) ? undefined : { type, size: Number(long) };
}
