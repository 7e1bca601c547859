import type { OpenVideo } from '../types.ts';
import { BufferedReader, type Span } from './buffered-reader.ts';
import { type Box, findMoov } from './mp4-boxes.ts';

/** Holds the first frame, or enough of it. */
const beginningBytes = 64 * 1024;

/**
 * Walks the top-level boxes of an mp4 or mov by their headers, as a parser must.
 * What there is to see: the whole of moov; of each box before it and of the one behind it the beginning, which holds
 * the first frame if the box is mdat: some decoders take 0x0 from zeros in its place. Undefined: no moov.
 */
export async function moovParts(video: OpenVideo): Promise<Span[] | undefined> {
  const before: Box[] = [];
  const moov = await findMoov(new BufferedReader(video), (box) => before.push(box));
  if (moov === undefined) return undefined;
  return [...before.map(({ start }) => beginning(start)), [moov.start, moov.end], beginning(moov.end)];
}

function beginning(start: number): Span {
  return [start, start + beginningBytes];
}
