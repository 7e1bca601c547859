import type { OpenVideo } from '../types.ts';
import { BufferedReader, type Span } from './buffered-reader.ts';
import { type Box, findMoov } from './mp4-boxes.ts';

/** Contains the first frame or enough of it. */
const beginningBytes = 64 * 1024;

/**
 * Returns the parts of an mp4 or mov that ffprobe needs; undefined if the file has no moov box. These are the whole of
 * moov, and the beginning of each box before it and of the box after it. An mdat among them holds the first frame
 * there: given zeros in its place, some decoders report 0x0.
 */
export async function spansForFfprobe(video: OpenVideo): Promise<Span[] | undefined> {
  const before: Box[] = [];
  const moov = await findMoov(new BufferedReader(video), (box) => before.push(box));
  if (moov === undefined) return undefined;
  return [...before.map(({ start }) => beginning(start)), [moov.start, moov.end], beginning(moov.end)];
}

function beginning(start: number): Span {
  return [start, start + beginningBytes];
}
