import { VideoUnreadable } from '../../errors.ts';
import type { BufferedReader } from './buffered-reader.ts';

/** A box of an mp4 or mov: offsets of its header, of its content (`at`) and of its end. */
export type Box = { type: string; start: number; at: number; end: number };

/** Some recorders write a box per second before moov. This bounds the time for a file of empty boxes: a tenth of a second. */
const maxBoxes = 20_000;
/** Behind this number of boxes the end of the file is read: a moov there saves one request per further box. */
const boxesBeforeTail = 64;
/** The moov of a recording of half an hour. */
const tailBytes = 1024 * 1024;
/** Places in it that look like moov, and boxes that follow each: more only occur in files made to waste time. */
const maxCandidates = 100;
const maxFollowing = 100;

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
 * Returns the moov box, found by following the sizes of the boxes before it, or behind many boxes by searching the end of
 * the file. Throws VideoUnreadable that says where the chain ends, and any error of `video.read`.
 * @param onOtherBox called for each box before moov that was visited.
 */
export async function findMoov(reader: BufferedReader, onOtherBox: (box: Box) => void = () => {}): Promise<Box> {
  let start = 0;
  for (let boxes = 0; start + 8 <= reader.size; boxes += 1) {
    if (boxes === maxBoxes) throw new VideoUnreadable(`the first ${maxBoxes} boxes of the file are not moov`);
    const inTail = boxes === boxesBeforeTail ? await findInTail(reader, start) : undefined;
    if (inTail !== undefined) return inTail;
    const box = await readBox(reader, start, reader.size);
    if (box === undefined) throw new VideoUnreadable(`the file has no moov box before byte ${start}, which is damaged`);
    if (box.type === 'moov') return box;
    onOtherBox(box);
    start = box.end;
  }
  throw new VideoUnreadable('the file has no moov box; it may be cut short');
}

/** Returns a moov box that ends where the file ends, or where a chain of boxes to the end of the file begins. */
async function findInTail(reader: BufferedReader, from: number): Promise<Box | undefined> {
  const tailStart = Math.max(from, reader.size - tailBytes);
  const tail = await reader.upTo(reader.size - tailStart, tailStart);
  let at = tail.lastIndexOf('moov');
  for (let candidates = 0; at >= 4 && candidates < maxCandidates; candidates += 1) {
    const start = at - 4;
    const end = start + tail.readUInt32BE(start);
    const isFollowed = end > start && reachesEnd(tail, end);
    if (isFollowed) return { type: 'moov', start: tailStart + start, at: tailStart + at + 4, end: tailStart + end };
    at = tail.lastIndexOf('moov', at - 1);
  }
  return undefined;
}

function reachesEnd(tail: Buffer, from: number): boolean {
  let at = from;
  for (let boxes = 0; boxes < maxFollowing && at + 8 <= tail.length && tail.readUInt32BE(at) >= 8; boxes += 1) {
    at += tail.readUInt32BE(at);
  }
  return at === tail.length;
}

/** Returns undefined if there is no box at `start`. */
export async function readBox(reader: BufferedReader, start: number, to: number): Promise<Box | undefined> {
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
