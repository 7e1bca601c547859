import { VideoUnreadable } from '../../errors.ts';
import type { HeaderView } from '../types.ts';
import type { BufferedReader } from './buffered-reader.ts';

/** Offsets of an element's start, content (`at`) and end. A live recording leaves the end of Segment and Cluster open. */
type Element = { id: number; start: number; at: number; end: number };

type TrackEntry = { number: number; config: Buffer | undefined };

const ids = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  info: 0x1549a966,
  tracks: 0x1654ae6b,
  cluster: 0x1f43b675,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  flagEnabled: 0xb9,
  codecPrivate: 0x63a2,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
};
/** SeekHead, Void, Info, Tags, Attachments, Cues …; in a Cluster also the blocks of other tracks. */
const maxElements = 256;
/** A track's description takes a few hundred bytes. */
const maxElementBytes = 256 * 1024;
const enoughOfFrame = 1024;
/** The header of a Segment whose end is open. */
const openSegment = Buffer.from('1853806701ffffffffffffff', 'hex');

/**
 * Walks the top level of the Segment to the Tracks element, skipping the elements before it by their sizes.
 * Throws VideoUnreadable for anything it cannot follow, and any error of `video.read`.
 */
export async function readMatroskaHeader(reader: BufferedReader): Promise<HeaderView> {
  const file = { at: 0, end: reader.size };
  const ebml = await find(reader, ids.ebml, file);
  const segment = await find(reader, ids.segment, file);
  const parts = [await copy(reader, { ...ebml, start: 0 }), openSegment];
  for await (const element of elementsOf(reader, segment.at, segment.end)) {
    // Tracks may follow the frames, but finding it there would mean walking over all of them.
    if (element.id === ids.cluster) break;
    if (element.id === ids.info || element.id === ids.tracks) parts.push(await copy(reader, element));
    if (element.id !== ids.tracks) continue;
    const entries = await readEntries(reader, element);
    const crossCheck = (id: number) => ({
      config: entries.find(({ number }) => number === id)?.config,
      frame: () => firstFrame(reader, element.end, id),
    });
    return { file: Buffer.concat(parts), isPicture: () => true, crossCheck };
  }
  throw new VideoUnreadable('the file has no Tracks element before its frames');
}

/** Returns a copy, because the reader reuses its buffer. */
async function copy(reader: BufferedReader, { start, end }: Pick<Element, 'start' | 'end'>): Promise<Buffer> {
  if (end - start > maxElementBytes) throw new VideoUnreadable(`a header element is ${end - start} bytes long`);
  return Buffer.from(await reader.upTo(end - start, start));
}

async function readEntries(reader: BufferedReader, tracks: Element): Promise<TrackEntry[]> {
  const entries: TrackEntry[] = [];
  for await (const entry of elementsOf(reader, tracks.at, tracks.end)) {
    if (entry.id === ids.trackEntry) entries.push(await readEntry(reader, entry));
  }
  return entries;
}

/** Returns the beginning of a track's first frame; undefined if the first cluster has none. */
async function firstFrame(reader: BufferedReader, from: number, trackNumber: number): Promise<Buffer | undefined> {
  const cluster = await find(reader, ids.cluster, { at: from, end: reader.size });
  for await (const element of elementsOf(reader, cluster.at, cluster.end)) {
    const isGroup = element.id === ids.blockGroup;
    const block = isGroup ? await find(reader, ids.block, element) : element;
    if (!isGroup && block.id !== ids.simpleBlock) continue;
    const header = await reader.upTo(12, block.at);
    const track = readNumber(header, 0);
    if (track?.value !== trackNumber) continue;
    const headerBytes = track.length + 3;
    // With lacing, frame sizes come first; these confirm no size, so ffprobe decides.
    return reader.beginning(block.at + headerBytes, block.end - block.at - headerBytes, enoughOfFrame);
  }
  return undefined;
}

async function find(reader: BufferedReader, id: number, { at, end }: Pick<Element, 'at' | 'end'>): Promise<Element> {
  for await (const element of elementsOf(reader, at, end)) if (element.id === id) return element;
  throw new VideoUnreadable(`the file has no element ${id.toString(16)} where it is expected`);
}

async function readEntry(reader: BufferedReader, entry: Element): Promise<TrackEntry> {
  const track: TrackEntry = { number: 0, config: undefined };
  for await (const { id, at, end } of elementsOf(reader, entry.at, entry.end)) {
    if (id === ids.trackNumber) track.number = await readInteger(reader, at, end);
    if (id === ids.flagEnabled && (await readInteger(reader, at, end)) === 0) {
      throw new VideoUnreadable('a track is disabled');
    }
    if (id === ids.codecPrivate) track.config = await copy(reader, { start: at, end });
  }
  return track;
}

async function readInteger(reader: BufferedReader, at: number, end: number): Promise<number> {
  return (await reader.upTo(end - at, at)).readUIntBE(0, Math.min(end - at, 6));
}

async function* elementsOf(reader: BufferedReader, from: number, to: number): AsyncGenerator<Element, void> {
  let start = from;
  for (let elements = 0; start < to; elements += 1) {
    if (elements === maxElements) throw new VideoUnreadable(`the header has more than ${maxElements} elements`);
    const element = await readElement(reader, start, to);
    yield element;
    start = element.end;
  }
}

async function readElement(reader: BufferedReader, start: number, to: number): Promise<Element> {
  const header = await reader.upTo(Math.min(12, to - start), start);
  const idLength = Math.clz32(header[0] ?? 0) - 23;
  const size = readNumber(header, idLength);
  if (idLength > 4 || size === undefined) throw new VideoUnreadable('the header elements are damaged');
  const at = start + idLength + size.length;
  const isOpen = size.value === 2 ** (7 * size.length) - 1;
  const end = isOpen ? to : at + size.value;
  const id = header.readUIntBE(0, idLength);
  const mayExceed = id === ids.segment || id === ids.cluster;
  if (end > to && !mayExceed) throw new VideoUnreadable('an element is longer than the element that contains it');
  return { id, start, at, end: Math.min(end, to) };
}

/** Reads a variable-length integer of 1 to 8 bytes; the position of the first set bit gives its length. */
function readNumber(bytes: Buffer, at: number): { value: number; length: number } | undefined {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > bytes.length) return undefined;
  let value = first & (0xff >> length);
  for (let index = 1; index < length; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return { value, length };
}
