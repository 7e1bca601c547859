import { VideoUnreadable } from '../../errors.ts';
import type { BufferedReader } from './buffered-reader.ts';

/** A box of an mp4 or mov: offsets of its header, of its content, and behind it. */
export type Box = { type: string; start: number; at: number; end: number };

/** Files have a handful of boxes at the top, fragmented ones keep moov before their many moof. */
const mostBoxes = 64;

/** The boxes that fill [from, to). Throws VideoUnreadable for one that does not fit, and whatever `video.read` throws. */
export async function* boxesOf(pieces: BufferedReader, from: number, to: number): AsyncGenerator<Box, void> {
  for (let start = from; start + 8 <= to; ) {
    const box = await readBox(pieces, start, to);
    if (box === undefined) return;
    if (box.end > to) throw new VideoUnreadable(`the box ${box.type} is longer than what it is in`);
    yield box;
    start = box.end;
  }
}

/** The moov box, by its place in the chain of boxes; undefined where the chain ends or breaks before. */
export async function findMoov(pieces: BufferedReader, pass: (box: Box) => void = () => {}): Promise<Box | undefined> {
  let start = 0;
  for (let boxes = 0; boxes < mostBoxes && start + 8 <= pieces.size; boxes += 1) {
    const box = await readBox(pieces, start, pieces.size);
    if (box === undefined) return undefined;
    if (box.type === 'moov') return box;
    pass(box);
    start = box.end;
  }
  return undefined;
}

async function readBox(pieces: BufferedReader, start: number, to: number): Promise<Box | undefined> {
  const header = await pieces.upTo(Math.min(16, to - start), start);
  if (header.length < 8) return undefined;
  const type = header.toString('latin1', 4, 8);
  const short = header.readUInt32BE(0);
  if (short === 0) return { type, start, at: start + 8, end: to };
  if (short > 1) return short < 8 ? undefined : { type, start, at: start + 8, end: start + short };
  const long = header.length < 16 ? 0n : header.readBigUInt64BE(8);
  return long < 16n || long > BigInt(to) ? undefined : { type, start, at: start + 16, end: start + Number(long) };
}
