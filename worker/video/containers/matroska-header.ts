import { VideoUnreadable } from '../../errors.ts';
import type { BufferedReader } from './buffered-reader.ts';
import type { HeaderView } from './mediabunny.ts';

/** An element: where it and its content begin, and where it ends; a live recording leaves the end of a Segment or Cluster open. */
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
/** SeekHead, Void, Info, Tags, Attachments, Cues …; within a Cluster also the blocks of other tracks. */
const mostElements = 256;
/** The description of a track is some hundred bytes. */
const mostKept = 256 * 1024;
const enoughOfFrame = 1024;
/** A Segment without an end. */
const openSegment = Buffer.from('1853806701ffffffffffffff', 'hex');

/**
 * Walks the top of the Segment to the Tracks element by the sizes of what stands before it.
 * Throws VideoUnreadable for what it cannot follow, and whatever `video.read` throws.
 */
export async function viewTracks(pieces: BufferedReader): Promise<HeaderView> {
  const whole = { at: 0, end: pieces.size };
  const ebml = await find(pieces, ids.ebml, whole);
  const segment = await find(pieces, ids.segment, whole);
  const parts = [await take(pieces, { ...ebml, start: 0 }), openSegment];
  for await (const element of elementsOf(pieces, segment.at, segment.end)) {
    // What tells of the tracks can stand behind the frames; nobody walks over all of them to see.
    if (element.id === ids.cluster) break;
    if (element.id === ids.info || element.id === ids.tracks) parts.push(await take(pieces, element));
    if (element.id !== ids.tracks) continue;
    const entries = await readEntries(pieces, element);
    const witness = (id: number) => ({
      config: entries.find(({ number }) => number === id)?.config,
      frame: () => firstFrame(pieces, element.end, id),
    });
    return { file: Buffer.concat(parts), isPicture: () => true, witness };
  }
  throw new VideoUnreadable('the tracks do not come before the frames');
}

/** Not a view: the next piece may lie in another window. */
async function take(pieces: BufferedReader, { start, end }: Pick<Element, 'start' | 'end'>): Promise<Buffer> {
  if (end - start > mostKept) throw new VideoUnreadable(`an element is ${end - start} bytes long`);
  return Buffer.from(await pieces.upTo(end - start, start));
}

async function readEntries(pieces: BufferedReader, tracks: Element): Promise<TrackEntry[]> {
  const entries: TrackEntry[] = [];
  for await (const entry of elementsOf(pieces, tracks.at, tracks.end)) {
    if (entry.id === ids.trackEntry) entries.push(await readEntry(pieces, entry));
  }
  return entries;
}

/** The beginning of the first frame of a track; undefined where it has none in the first cluster. */
async function firstFrame(pieces: BufferedReader, from: number, number: number): Promise<Buffer | undefined> {
  const cluster = await find(pieces, ids.cluster, { at: from, end: pieces.size });
  for await (const element of elementsOf(pieces, cluster.at, cluster.end)) {
    const group = element.id === ids.blockGroup;
    const block = group ? await find(pieces, ids.block, element) : element;
    if (!group && block.id !== ids.simpleBlock) continue;
    const header = await pieces.upTo(12, block.at);
    const track = readNumber(header, 0);
    if (track?.value !== number) continue;
    const skipped = track.length + 3;
    // Where it is laced, sizes of frames come first, and confirm nothing.
    return pieces.beginning(block.at + skipped, block.end - block.at - skipped, enoughOfFrame);
  }
  return undefined;
}

async function find(pieces: BufferedReader, id: number, { at, end }: Pick<Element, 'at' | 'end'>): Promise<Element> {
  for await (const element of elementsOf(pieces, at, end)) if (element.id === id) return element;
  throw new VideoUnreadable(`the element ${id.toString(16)} does not come`);
}

async function readEntry(pieces: BufferedReader, entry: Element): Promise<TrackEntry> {
  const track: TrackEntry = { number: 0, config: undefined };
  for await (const { id, at, end } of elementsOf(pieces, entry.at, entry.end)) {
    if (id === ids.trackNumber) track.number = await readInteger(pieces, at, end);
    if (id === ids.flagEnabled && (await readInteger(pieces, at, end)) === 0) {
      throw new VideoUnreadable('a track is disabled');
    }
    if (id === ids.codecPrivate) track.config = await take(pieces, { start: at, end });
  }
  return track;
}

async function readInteger(pieces: BufferedReader, at: number, end: number): Promise<number> {
  return (await pieces.upTo(end - at, at)).readUIntBE(0, Math.min(end - at, 6));
}

async function* elementsOf(pieces: BufferedReader, from: number, to: number): AsyncGenerator<Element, void> {
  let start = from;
  for (let elements = 0; start < to; elements += 1) {
    if (elements === mostElements) throw new VideoUnreadable('there is no end of elements');
    const element = await readElement(pieces, start, to);
    yield element;
    start = element.end;
  }
}

async function readElement(pieces: BufferedReader, start: number, to: number): Promise<Element> {
  const header = await pieces.upTo(Math.min(12, to - start), start);
  const idLength = Math.clz32(header[0] ?? 0) - 23;
  const size = readNumber(header, idLength);
  if (idLength > 4 || size === undefined) throw new VideoUnreadable('the elements are damaged');
  const at = start + idLength + size.length;
  const open = size.value === 2 ** (7 * size.length) - 1;
  const end = open ? to : at + size.value;
  const id = header.readUIntBE(0, idLength);
  const mayBeLonger = id === ids.segment || id === ids.cluster;
  if (end > to && !mayBeLonger) throw new VideoUnreadable('an element is longer than what it is in');
  return { id, start, at, end: Math.min(end, to) };
}

/** A number whose first bit set tells its length: 1 to 8 bytes. */
function readNumber(bytes: Buffer, at: number): { value: number; length: number } | undefined {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > bytes.length) return undefined;
  let value = first & (0xff >> length);
  for (let index = 1; index < length; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return { value, length };
}
