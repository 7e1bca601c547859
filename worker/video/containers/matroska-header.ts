import { VideoUnreadable } from '../../errors.ts';
import type { HeaderView } from '../types.ts';
import type { BufferedReader } from './buffered-reader.ts';

/** Offsets of an element's start, content (`at`) and end. A live recording leaves the end of Segment and Cluster open. */
export type Element = { id: number; start: number; at: number; end: number };

/** `content`: the whole element. */
type TrackEntry = { number: number; config: Buffer | undefined; content: Buffer };

/** `isFar`: ffprobe would need more than the beginning of the file to find the tracks; `frames`: where clusters are. */
export type MatroskaHeader = HeaderView & {
  trackNumbers: number[];
  isFar: boolean;
  frames: Pick<Element, 'at' | 'end'>;
};

const ids = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  tracks: 0x1654ae6b,
  cluster: 0x1f43b675,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  flagEnabled: 0xb9,
  codecPrivate: 0x63a2,
  video: 0xe0,
  projection: 0x7670,
  projectionType: 0x7671,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
};
/** SeekHead, Void, Info, Tags, Attachments, Cues …, or the elements of one of these. */
const maxElements = 256;
/** Blocks of other tracks before the first frame. This bounds the time for a file of empty blocks. */
const maxBlocks = 20_000;
/** Reads of the search for the first frame, each of a window or more: 3 MiB. */
const maxReads = 200;
/** The part of the file that ffprobe gets in any case. */
const nearBytes = 64 * 1024;
const videoType = 1;
/** A track's description takes a few hundred bytes. */
const maxElementBytes = 256 * 1024;
const enoughOfFrame = 1024;
/** The header of a Segment whose end is open. */
const openSegment = Buffer.from('1853806701ffffffffffffff', 'hex');

/** What the top level of the Segment contains before its frames; positions are those of SeekHead. */
type TopLevel = { tracks?: Element; info?: Element; firstCluster?: Element; tracksAt?: number; infoAt?: number };

/**
 * Walks the top level of the Segment to the Tracks element, skipping the elements before it by their sizes. If Tracks
 * comes after the frames, follows SeekHead.
 * Throws VideoUnreadable for anything it cannot follow, and any error of `video.read`.
 */
export async function readMatroskaHeader(reader: BufferedReader): Promise<MatroskaHeader> {
  const file = { at: 0, end: reader.size };
  const ebml = await find(reader, ids.ebml, file);
  const segment = await find(reader, ids.segment, file);
  const found = await readTopLevel(reader, segment);
  const tracks = found.tracks ?? (await elementAt(reader, found.tracksAt, ids.tracks, segment));
  if (tracks === undefined) throw new VideoUnreadable('the file has no Tracks element before its frames');
  const info = found.info ?? (await elementAt(reader, found.infoAt, ids.info, segment));
  const entries = await readEntries(reader, tracks);
  const parts = [await copy(reader, { ...ebml, start: 0 }), openSegment];
  if (info !== undefined) parts.push(await copy(reader, info));
  parts.push(makeElement(ids.tracks, Buffer.concat(entries.map(({ content }) => content))));
  const framesAt = found.firstCluster?.start ?? tracks.end;
  const frames = { at: framesAt, end: segment.end };
  const frame = (id: number) => firstFrame(reader, frames, id);
  return {
    file: Buffer.concat(parts),
    isPicture: () => true,
    crossCheck: (id) => ({
      config: entries.find(({ number }) => number === id)?.config,
      frame: () => frame(id),
      fetchedFrame: () => reader.withoutFetching(() => frame(id)),
    }),
    trackNumbers: entries.map(({ number }) => number),
    isFar: tracks.end > nearBytes,
    frames,
  };
}

/** Stops at Tracks, or at the first frames: finding Tracks after them would mean walking over all of them. */
async function readTopLevel(reader: BufferedReader, segment: Element): Promise<TopLevel> {
  const found: TopLevel = {};
  for await (const element of elementsOf(reader, segment.at, segment.end)) {
    if (element.id === ids.info) found.info = element;
    if (element.id === ids.seekHead) Object.assign(found, await readSeekHead(reader, element, segment.at));
    if (element.id === ids.tracks) return { ...found, tracks: element };
    if (element.id === ids.cluster) return { ...found, firstCluster: element };
  }
  return found;
}

async function readSeekHead(reader: BufferedReader, seekHead: Element, base: number): Promise<TopLevel> {
  const found: TopLevel = {};
  for await (const seek of elementsOf(reader, seekHead.at, seekHead.end)) {
    if (seek.id !== ids.seek) continue;
    let [id, position] = [0, 0];
    for await (const element of elementsOf(reader, seek.at, seek.end)) {
      if (element.id === ids.seekId) id = await readInteger(reader, element.at, element.end);
      if (element.id === ids.seekPosition) position = await readInteger(reader, element.at, element.end);
    }
    if (id === ids.tracks) found.tracksAt = base + position;
    if (id === ids.info) found.infoAt = base + position;
  }
  return found;
}

/** Returns the element at an offset that SeekHead states; undefined if another one is there. */
async function elementAt(
  reader: BufferedReader,
  start: number | undefined,
  id: number,
  segment: Element,
): Promise<Element | undefined> {
  if (start === undefined || start >= segment.end) return undefined;
  const element = await readElement(reader, start, segment.end);
  return element.id === id ? element : undefined;
}

/** Returns a copy, because the reader reuses its buffer. */
async function copy(reader: BufferedReader, { start, end }: Pick<Element, 'start' | 'end'>): Promise<Buffer> {
  if (end - start > maxElementBytes) throw new VideoUnreadable(`a header element is ${end - start} bytes long`);
  return Buffer.from(await reader.upTo(end - start, start));
}

/** Returns the entries of video tracks: those of subtitles may hold whole fonts. */
async function readEntries(reader: BufferedReader, tracks: Element): Promise<TrackEntry[]> {
  const entries: TrackEntry[] = [];
  for await (const element of elementsOf(reader, tracks.at, tracks.end)) {
    const entry = element.id === ids.trackEntry ? await readEntry(reader, element) : undefined;
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** Returns the beginning of a track's first frame; undefined if the first clusters have none. */
async function firstFrame(
  reader: BufferedReader,
  { at, end }: Pick<Element, 'at' | 'end'>,
  trackNumber: number,
): Promise<Buffer | undefined> {
  const lastRead = reader.spans.length + maxReads;
  let start = at;
  for (let elements = 0; elements < maxBlocks && reader.spans.length <= lastRead && start < end; elements += 1) {
    const element = await readElement(reader, start, end);
    const isEntered = element.id === ids.cluster || element.id === ids.blockGroup;
    start = isEntered ? element.at : element.end;
    if (element.id !== ids.block && element.id !== ids.simpleBlock) continue;
    const header = await reader.upTo(12, element.at);
    const track = readNumber(header, 0);
    if (track?.value !== trackNumber) continue;
    const headerBytes = track.length + 3;
    // With lacing, frame sizes come first; these confirm no size, so ffprobe decides.
    return reader.beginning(element.at + headerBytes, element.end - element.at - headerBytes, enoughOfFrame);
  }
  return undefined;
}

async function find(reader: BufferedReader, id: number, { at, end }: Pick<Element, 'at' | 'end'>): Promise<Element> {
  for await (const element of elementsOf(reader, at, end)) if (element.id === id) return element;
  throw new VideoUnreadable(`the file has no element ${id.toString(16)} where it is expected`);
}

/** Returns undefined for a track of sound or text. */
async function readEntry(reader: BufferedReader, entry: Element): Promise<TrackEntry | undefined> {
  let [number, type] = [0, videoType];
  let configAt: Element | undefined;
  for await (const element of elementsOf(reader, entry.at, entry.end)) {
    const { id, at, end } = element;
    if (id === ids.trackNumber) number = await readInteger(reader, at, end);
    if (id === ids.trackType) type = await readInteger(reader, at, end);
    if (id === ids.flagEnabled && (await readInteger(reader, at, end)) === 0) {
      throw new VideoUnreadable('a track is disabled');
    }
    if (id === ids.video) await checkProjection(reader, element);
    if (id === ids.codecPrivate) configAt = element;
  }
  if (type !== videoType) return undefined;
  const config = configAt && (await copy(reader, { start: configAt.at, end: configAt.end }));
  return { number, config, content: await copy(reader, entry) };
}

/** Throws VideoUnreadable for a spherical picture, which a roll does not rotate: ffprobe decides. */
async function checkProjection(reader: BufferedReader, video: Element): Promise<void> {
  for await (const projection of elementsOf(reader, video.at, video.end)) {
    if (projection.id !== ids.projection) continue;
    for await (const { id, at, end } of elementsOf(reader, projection.at, projection.end)) {
      const isSpherical = id === ids.projectionType && (await readInteger(reader, at, end)) !== 0;
      if (isSpherical) throw new VideoUnreadable('the picture is spherical');
    }
  }
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

export async function readElement(reader: BufferedReader, start: number, to: number): Promise<Element> {
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
export function readNumber(bytes: Buffer, at: number): { value: number; length: number } | undefined {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > bytes.length) return undefined;
  let value = first & (0xff >> length);
  for (let index = 1; index < length; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return { value, length };
}

/** Returns an element with this content. */
export function makeElement(id: number, content: Buffer): Buffer {
  const header = Buffer.from(id.toString(16).padStart(2, '0'), 'hex');
  const size = Buffer.alloc(8);
  size.writeUIntBE(content.length, 2, 6);
  size[0] = 1;
  return Buffer.concat([header, size, content]);
}
