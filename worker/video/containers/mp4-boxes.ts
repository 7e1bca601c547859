import { VideoUnreadable } from '../../errors.ts';
import type { BufferedReader } from './buffered-reader.ts';

/** A box of an mp4 or mov: offsets of its header, of its content (`at`) and of its end. */
export type Box = { type: string; start: number; at: number; end: number };

/** Files have few boxes at the top level; fragmented files have moov before their many moof boxes. */
const maxBoxes = 64;

/** Yields the boxes in [from, to). Throws VideoUnreadable for a box that exceeds it, and any error of `video.read`. */
export async function* boxesOf(reader: BufferedReader, from: number, to: number): AsyncGenerator<Box, void> {
  for (let start = from; start + 8 <= to; ) {
    const box = await readBox(reader, start, to);
    if (box === undefined) return;
    if (box.end > to) throw new VideoUnreadable(`the box ${box.type} is longer than the box that contains it`);
    yield box;
    start = box.end;
  }
}

/**
 * Returns the moov box, found by following the sizes of the boxes before it; undefined if the chain ends or breaks first.
 * @param onOtherBox called for each box before moov.
 */
export async function findMoov(
  reader: BufferedReader,
  onOtherBox: (box: Box) => void = () => {},
): Promise<Box | undefined> {
  let start = 0;
  for (let boxes = 0; boxes < maxBoxes && start + 8 <= reader.size; boxes += 1) {
    const box = await readBox(reader, start, reader.size);
    if (box === undefined) return undefined;
    if (box.type === 'moov') return box;
    onOtherBox(box);
    start = box.end;
  }
  return undefined;
}

async function readBox(reader: BufferedReader, start: number, to: number): Promise<Box | undefined> {
  const header = await reader.upTo(Math.min(16, to - start), start);
  if (header.length < 8) return undefined;
  const type = header.toString('latin1', 4, 8);
  const size = header.readUInt32BE(0);
  // 0: up to the end of the file; 1: a 64-bit size follows.
  if (size === 0) return { type, start, at: start + 8, end: to };
  if (size > 1) return size < 8 ? undefined : { type, start, at: start + 8, end: start + size };
  const longSize = header.length < 16 ? 0n : header.readBigUInt64BE(8);
  return longSize < 16n || longSize > BigInt(to)
    ? undefined
    : { type, start, at: start + 16, end: start + Number(longSize) };
}
