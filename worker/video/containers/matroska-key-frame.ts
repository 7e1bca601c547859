import type { BufferedReader } from './buffered-reader.ts';
import type { KeyFrame } from './key-frame.ts';
import { type Element, makeElement, readElement, readMatroskaHeader, readNumber } from './matroska-header.ts';

const ids = {
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  referenceBlock: 0xfb,
};
const isKey = 0x80;
const isLaced = 0x06;
/** A track number of one byte in a block has its highest bit set. */
const maxTrackNumber = 126;
/** Blocks of other tracks before the first frame. This bounds the time for a file of empty blocks. */
const maxBlocks = 20_000;
/** Reads of the search for the first frame, each of a window or more: 3 MiB. */
const maxReads = 200;
/** Elements of a block group: its block, duration, references. */
const maxGroupElements = 32;

type Block = { at: number; end: number };

/**
 * Returns the first key frame of the first video track; undefined if the first clusters have none, or one that shares its
 * block with others. Throws VideoUnreadable for anything it cannot follow, and any error of `video.read`.
 */
export async function matroskaKeyFrame(reader: BufferedReader): Promise<KeyFrame | undefined> {
  const { file, trackNumbers, frames } = await readMatroskaHeader(reader);
  const [track] = trackNumbers;
  if (track === undefined || track > maxTrackNumber) return undefined;
  const block = await firstKeyBlock(reader, frames, track);
  if (block === undefined) return undefined;
  return {
    at: block.at,
    length: block.end - block.at,
    fileWith(content) {
      const timestamp = makeElement(ids.timestamp, Buffer.from([0]));
      const frame = makeElement(ids.simpleBlock, Buffer.concat([Buffer.from([0x80 + track, 0, 0, isKey]), content]));
      return Buffer.concat([file, makeElement(ids.cluster, Buffer.concat([timestamp, frame]))]);
    },
  };
}

/** Returns where the frame in the first key block of this track is. */
async function firstKeyBlock(reader: BufferedReader, frames: Block, track: number): Promise<Block | undefined> {
  const lastRead = reader.spans.length + maxReads;
  let start = frames.at;
  for (let blocks = 0; blocks < maxBlocks && reader.spans.length <= lastRead && start < frames.end; blocks += 1) {
    const element = await readElement(reader, start, frames.end);
    start = element.id === ids.cluster ? element.at : element.end;
    const isGroup = element.id === ids.blockGroup;
    if (!isGroup && element.id !== ids.simpleBlock) continue;
    const block = isGroup ? await keyBlockOf(reader, element) : element;
    const frame = block && (await frameOf(reader, block, track));
    if (frame !== undefined && (isGroup || frame.isKey)) return frame.isLaced ? undefined : frame;
  }
  return undefined;
}

/** Returns the block of a group, unless its frame refers to another one. */
async function keyBlockOf(reader: BufferedReader, group: Element): Promise<Element | undefined> {
  let block: Element | undefined;
  let start = group.at;
  for (let elements = 0; elements < maxGroupElements && start < group.end; elements += 1) {
    const element = await readElement(reader, start, group.end);
    if (element.id === ids.referenceBlock) return undefined;
    if (element.id === ids.block) block = element;
    start = element.end;
  }
  return block;
}

async function frameOf(reader: BufferedReader, { at, end }: Element, track: number) {
  const header = await reader.upTo(Math.min(12, end - at), at);
  const number = readNumber(header, 0);
  const flags = number && header[number.length + 2];
  if (number?.value !== track || flags === undefined) return undefined;
  const isOpaque = (flags & isLaced) > 0;
  return { at: at + number.length + 3, end, isKey: (flags & isKey) > 0, isLaced: isOpaque };
}
