import { VideoUnreadable } from '../../errors.ts';
import { windowBytes } from '../http/range-reader.ts';
import type { CrossCheck, HeaderView } from '../types.ts';
import type { BufferedReader } from './buffered-reader.ts';
import { type Box, boxesOf, findMoov } from './mp4-boxes.ts';
import { firstChunk, firstSampleOfFragments } from './mp4-samples.ts';

type VideoTrack = {
  id: number;
  /** Offset after moov, where fragments may follow. */
  moovEnd: number;
  /** Its sample entry, header included. */
  entry: Buffer;
  /** The stbl box, which contains the sample tables. */
  sampleTable: Box;
};

/** State of the walk; the last three fields belong to the current track. */
type Walk = {
  moovEnd: number;
  tracks: VideoTrack[];
  chapters: Set<number>;
  trackId: number;
  enabled: boolean;
  handler: string;
};

const unrotated = '1 0 0 1';
const rotated = ['0 1 -1 0', '-1 0 0 -1', '0 -1 1 0'];
const enteredBoxes = new Set(['trak', 'mdia', 'minf', 'stbl', 'tref']);
/** trak, mdia, minf, stbl. */
const maxDepth = 4;
const keptBoxes = new Set(['mvhd', 'tkhd', 'mdhd', 'hdlr', 'stsd']);
/** An mp4 brand, for mov too: the boxes that describe video are the same in both. */
export const ftyp = Buffer.from('00000010667479706d70343200000000', 'hex');
/** Offsets of the duration in versions 0 and 1, which has longer dates. */
const durationAt: Record<string, { short: number; long: number }> = {
  mvhd: { short: 16, long: 24 },
  mdhd: { short: 16, long: 24 },
  tkhd: { short: 20, long: 28 },
};
/** Codecs of moving pictures; chapter tracks hold still images. */
const movingCodecs = new Set(['avc1', 'avc3', 'hvc1', 'hev1', 'vp08', 'vp09', 'av01', 'mp4v']);
const configBoxes = new Set(['avcC', 'hvcC', 'av1C', 'esds']);
/** Sample entries whose frames may contain parameter sets. */
const entriesWithSets = new Set(['avc3', 'avc4', 'hev1']);
/** A JPEG's tables come before its size. */
const enoughOfFrame = 1024;
/** A sample entry takes about 200 bytes. */
const maxBoxBytes = 64 * 1024;

/**
 * Walks moov by the sizes of its boxes, so that sample tables of megabytes are skipped. Stops at the first track that is
 * certainly the video if the next track would take another read.
 * Throws VideoUnreadable for anything it cannot follow, and any error of `video.read`.
 */
export async function readMp4Header(reader: BufferedReader): Promise<HeaderView> {
  const moov = await findMoov(reader);
  const walk: Walk = {
    moovEnd: moov.end,
    tracks: [],
    chapters: new Set(),
    trackId: 0,
    enabled: false,
    handler: '',
  };
  const parts: Buffer[] = [];
  for await (const box of boxesOf(reader, moov.at, moov.end)) {
    if (box.type === 'cmov') throw new VideoUnreadable('the moov box is compressed');
    parts.push(await reduce(reader, box, walk));
    const restIsBuffered = moov.end <= Math.ceil(box.at / windowBytes) * windowBytes;
    if (box.type === 'trak' && !restIsBuffered && isCertainlyVideo(walk)) break;
  }
  return {
    file: Buffer.concat([ftyp, makeBox('moov', parts)]),
    isPicture: (id) => !walk.chapters.has(id),
    crossCheck: (id) =>
      crossCheckOf(
        reader,
        walk.tracks.find((track) => track.id === id),
      ),
  };
}

/** A chapter track is disabled or holds still images, so an enabled track of moving pictures is the video. */
function isCertainlyVideo({ tracks, enabled, handler }: Walk): boolean {
  const codec = tracks.at(-1)?.entry.toString('latin1', 4, 8) ?? '';
  return handler === 'vide' && enabled && movingCodecs.has(codec);
}

/** Returns the box without anything that does not describe the video. */
async function reduce(reader: BufferedReader, box: Box, walk: Walk, depth = 1): Promise<Buffer> {
  if (keptBoxes.has(box.type)) return readKeptBox(reader, box, walk);
  if (box.type === 'chap') await noteChapters(reader, box, walk);
  if (!enteredBoxes.has(box.type)) return Buffer.alloc(0);
  if (depth > maxDepth) throw new VideoUnreadable('the boxes of moov are nested too deeply');
  if (box.type === 'trak') Object.assign(walk, { handler: '', trackId: 0 });
  const parts: Buffer[] = [];
  for await (const child of boxesOf(reader, box.at, box.end)) {
    // QuickTime has a second hdlr in minf, for the data handler.
    if (child.type === 'hdlr' && box.type !== 'mdia') continue;
    parts.push(await reduce(reader, child, walk, depth + 1));
    if (child.type !== 'stsd') continue;
    noteSampleEntry(walk, box, parts.at(-1));
    // Only the sample tables follow.
    break;
  }
  return makeBox(box.type, parts);
}

async function readKeptBox(reader: BufferedReader, box: Box, walk: Walk): Promise<Buffer> {
  const length = box.end - box.at;
  if (length > maxBoxBytes) throw new VideoUnreadable(`the box ${box.type} is ${length} bytes long`);
  const content = await reader.upTo(length, box.at);
  if (content.length < length) throw new VideoUnreadable('the moov box is cut short');
  // In version 1 the dates and the duration have 64 bits, which moves the fields after them.
  const isVersion1 = content[0] === 1;
  if (box.type === 'mvhd') checkMatrix(content, isVersion1 ? 48 : 36, [unrotated]);
  if (box.type === 'tkhd') {
    checkMatrix(content, isVersion1 ? 52 : 40, [unrotated, ...rotated]);
    walk.trackId = content.readUInt32BE(isVersion1 ? 20 : 12);
    walk.enabled = (content.readUInt8(3) & 1) === 1;
  }
  if (box.type === 'hdlr') walk.handler = content.toString('latin1', 8, 12);
  return makeBox(box.type, [withKnownDuration(box.type, content)]);
}

/** Returns the content with 0, no duration, for one of all ones, which means that the writer did not know it. */
function withKnownDuration(type: string, content: Buffer): Buffer {
  const at = durationAt[type];
  if (at === undefined) return content;
  const [start, end] = content[0] === 1 ? [at.long, at.long + 8] : [at.short, at.short + 4];
  const isUnknown = end <= content.length && content.subarray(start, end).every((byte) => byte === 0xff);
  // A copy, because the content is part of the reader's buffer.
  return isUnknown ? Buffer.from(content).fill(0, start, end) : content;
}

/** Throws VideoUnreadable for a matrix that tilts, mirrors or stretches the picture: ffprobe decides these. */
function checkMatrix(content: Buffer, at: number, supported: string[]): void {
  const matrix = [0, 4, 12, 16].map((offset) => content.readInt32BE(at + offset) / 0x10000);
  if (!supported.includes(matrix.join(' '))) throw new VideoUnreadable('the display matrix is not a quarter turn');
}

function noteSampleEntry(walk: Walk, sampleTable: Box, stsd: Buffer | undefined): void {
  // Without its kind and id the track would be ignored, though it may be the first video track.
  if (walk.handler === '' || walk.trackId === 0) throw new VideoUnreadable('the boxes of a track are out of order');
  if (stsd === undefined || walk.handler !== 'vide') return;
  if (stsd.length < 24 || stsd.readUInt32BE(12) !== 1) throw new VideoUnreadable('a track has several sample entries');
  walk.tracks.push({ id: walk.trackId, moovEnd: walk.moovEnd, entry: stsd.subarray(16), sampleTable });
}

async function noteChapters(reader: BufferedReader, box: Box, walk: Walk): Promise<void> {
  const ids = await reader.upTo(Math.min(box.end - box.at, 4096), box.at);
  for (let at = 0; at + 4 <= ids.length; at += 4) walk.chapters.add(ids.readUInt32BE(at));
}

/** Throws VideoUnreadable for a track that the walk did not find. */
function crossCheckOf(reader: BufferedReader, track: VideoTrack | undefined): CrossCheck {
  if (track === undefined) throw new VideoUnreadable('the video track has no sample entry');
  const frame = () => firstFrame(reader, track);
  return {
    config: configOf(track.entry),
    frame,
    fetchedFrame: () => reader.withoutFetching(frame),
    inBand: entriesWithSets.has(track.entry.toString('latin1', 4, 8)),
  };
}

/** Returns the content of the decoder configuration box, one of those after the fixed part of a sample entry. */
function configOf(entry: Buffer): Buffer | undefined {
  for (let at = 86; at + 8 <= entry.length; ) {
    const length = entry.readUInt32BE(at);
    if (configBoxes.has(entry.toString('latin1', at + 4, at + 8))) return entry.subarray(at + 8, at + length);
    if (length < 8) return undefined;
    at += length;
  }
  return undefined;
}

/** Returns the beginning of the first sample, which is where the first chunk or the first fragment's data begins. */
async function firstFrame(
  reader: BufferedReader,
  { id, moovEnd, sampleTable }: VideoTrack,
): Promise<Buffer | undefined> {
  const start =
    (await firstChunk(reader, sampleTable)) ?? (await firstSampleOfFragments(reader, { from: moovEnd, trackId: id }));
  const isInFile = start !== undefined && start < reader.size;
  return isInFile ? reader.beginning(start, reader.size - start, enoughOfFrame) : undefined;
}

/** Returns a box with this content. */
export function makeBox(type: string, parts: Buffer[]): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 4, 'latin1');
  const box = Buffer.concat([header, ...parts]);
  box.writeUInt32BE(box.length);
  return box;
}
