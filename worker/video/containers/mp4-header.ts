import { VideoUnreadable } from '../../errors.ts';
import type { CrossCheck } from '../codecs/coded-size.ts';
import { windowBytes } from '../http/range-reader.ts';
import type { BufferedReader } from './buffered-reader.ts';
import type { HeaderView } from './mediabunny.ts';
import { type Box, boxesOf, findMoov } from './mp4-boxes.ts';

type Track = {
  id: number;
  /** Its sample entry, header included. */
  entry: Buffer;
  /** The box of its sample tables. */
  tables: Box;
};

type Walk = { tracks: Track[]; chapters: Set<number>; trackId: number; enabled: boolean; handler: string };

const upright = '1 0 0 1';
const turned = ['0 1 -1 0', '-1 0 0 -1', '0 -1 1 0'];
const opened = new Set(['trak', 'mdia', 'minf', 'stbl', 'tref']);
/** trak, mdia, minf, stbl. */
const deepest = 4;
const kept = new Set(['mvhd', 'tkhd', 'mdhd', 'hdlr', 'stsd']);
/** Of mp4, for mov as well: what tells of pictures is the same in both. */
const ftyp = Buffer.from('00000010667479706d70343200000000', 'hex');
/** Codecs of moving pictures; chapters are told by stills. */
const moving = new Set(['avc1', 'avc3', 'hvc1', 'hev1', 'vp08', 'vp09', 'av01', 'mp4v']);
const configs = new Set(['avcC', 'hvcC', 'av1C', 'esds']);
/** Tables of a JPEG come before its size. */
const enoughOfFrame = 1024;
/** Sample entries are some 200 bytes. */
const mostKept = 64 * 1024;

/**
 * Walks moov by the places of its boxes, so that tables of megabytes cost nothing, and ends at the first track that
 * is certainly the video where the next one would take another read.
 * Throws VideoUnreadable for what it cannot follow, and whatever `video.read` throws.
 */
export async function viewMoov(pieces: BufferedReader): Promise<HeaderView> {
  const moov = await findMoov(pieces);
  if (moov === undefined) throw new VideoUnreadable('the file has no moov box; it may be cut short');
  const walk: Walk = { tracks: [], chapters: new Set(), trackId: 0, enabled: false, handler: '' };
  const parts: Buffer[] = [];
  for await (const box of boxesOf(pieces, moov.at, moov.end)) {
    if (box.type === 'cmov') throw new VideoUnreadable('the moov box is compressed');
    parts.push(await slim(pieces, box, walk));
    const near = moov.end <= Math.ceil(box.at / windowBytes) * windowBytes;
    if (box.type === 'trak' && !near && isCertain(walk)) break;
  }
  return {
    file: Buffer.concat([ftyp, boxed('moov', parts)]),
    isPicture: (id) => !walk.chapters.has(id),
    witness: (id) =>
      witnessOf(
        pieces,
        walk.tracks.find((track) => track.id === id),
      ),
  };
}

/** Chapters are disabled tracks, or stills; what is neither is the video, whoever may refer to it. */
function isCertain({ tracks, enabled, handler }: Walk): boolean {
  const codec = tracks.at(-1)?.entry.toString('latin1', 4, 8) ?? '';
  return handler === 'vide' && enabled && moving.has(codec);
}

async function slim(pieces: BufferedReader, box: Box, walk: Walk, depth = 1): Promise<Buffer> {
  if (kept.has(box.type)) return keep(pieces, box, walk);
  if (box.type === 'chap') await noteChapters(pieces, box, walk);
  if (!opened.has(box.type)) return Buffer.alloc(0);
  if (depth > deepest) throw new VideoUnreadable('the boxes of moov have no bottom');
  if (box.type === 'trak') Object.assign(walk, { handler: '', trackId: 0 });
  const parts: Buffer[] = [];
  for await (const child of boxesOf(pieces, box.at, box.end)) {
    // QuickTime has a second one in minf, of how the bytes are reached.
    if (child.type === 'hdlr' && box.type !== 'mdia') continue;
    parts.push(await slim(pieces, child, walk, depth + 1));
    if (child.type !== 'stsd') continue;
    noteEntry(walk, box, parts.at(-1));
    // Behind it are the tables.
    break;
  }
  return boxed(box.type, parts);
}

async function keep(pieces: BufferedReader, box: Box, walk: Walk): Promise<Buffer> {
  const length = box.end - box.at;
  if (length > mostKept) throw new VideoUnreadable(`the box ${box.type} is ${length} bytes long`);
  const content = await pieces.upTo(length, box.at);
  if (content.length < length) throw new VideoUnreadable('the moov box is cut short');
  // In version 1 the dates and the duration before what we look at have 64 bits.
  const long = content[0] === 1;
  if (box.type === 'mvhd') checkMatrix(content, long ? 48 : 36, [upright]);
  if (box.type === 'tkhd') {
    checkMatrix(content, long ? 52 : 40, [upright, ...turned]);
    walk.trackId = content.readUInt32BE(long ? 20 : 12);
    walk.enabled = (content.readUInt8(3) & 1) === 1;
  }
  if (box.type === 'hdlr') walk.handler = content.toString('latin1', 8, 12);
  return boxed(box.type, [content]);
}

/** A picture that its matrix tilts, mirrors or stretches is for ffprobe to tell. */
function checkMatrix(content: Buffer, at: number, known: string[]): void {
  const matrix = [0, 4, 12, 16].map((place) => content.readInt32BE(at + place) / 0x10000);
  if (!known.includes(matrix.join(' '))) throw new VideoUnreadable('the picture is not turned by quarters');
}

function noteEntry(walk: Walk, tables: Box, stsd: Buffer | undefined): void {
  // A track must have told before of what kind it is and which; else it is passed over, and may be the first.
  if (walk.handler === '' || walk.trackId === 0) throw new VideoUnreadable('the boxes of a track are in disorder');
  if (stsd === undefined || walk.handler !== 'vide') return;
  if (stsd.length < 24 || stsd.readUInt32BE(12) !== 1) throw new VideoUnreadable('a track has several descriptions');
  walk.tracks.push({ id: walk.trackId, entry: stsd.subarray(16), tables });
}

async function noteChapters(pieces: BufferedReader, box: Box, walk: Walk): Promise<void> {
  const ids = await pieces.upTo(Math.min(box.end - box.at, 4096), box.at);
  for (let at = 0; at + 4 <= ids.length; at += 4) walk.chapters.add(ids.readUInt32BE(at));
}

/** Throws VideoUnreadable for a track that was not met, or was met twice. */
function witnessOf(pieces: BufferedReader, track: Track | undefined): CrossCheck {
  if (track === undefined) throw new VideoUnreadable('the description of the track is missing');
  return { config: configOf(track.entry), frame: () => firstFrame(pieces, track.tables) };
}

/** What the box of the decoder's configuration holds, among those behind the fixed part of a sample entry. */
function configOf(entry: Buffer): Buffer | undefined {
  for (let at = 86; at + 8 <= entry.length; ) {
    const length = entry.readUInt32BE(at);
    if (configs.has(entry.toString('latin1', at + 4, at + 8))) return entry.subarray(at + 8, at + length);
    if (length < 8) return undefined;
    at += length;
  }
  return undefined;
}

/** The first sample begins where the first chunk does. */
async function firstFrame(pieces: BufferedReader, tables: Box): Promise<Buffer | undefined> {
  for await (const { type, at } of boxesOf(pieces, tables.at, tables.end)) {
    if (type !== 'stco' && type !== 'co64') continue;
    const table = await pieces.upTo(16, at);
    if (table.length < 16 || table.readUInt32BE(4) === 0) return undefined;
    const start = type === 'stco' ? table.readUInt32BE(8) : Number(table.readBigUInt64BE(8));
    return start < pieces.size ? pieces.beginning(start, pieces.size - start, enoughOfFrame) : undefined;
  }
  return undefined;
}

function boxed(type: string, parts: Buffer[]): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 4, 'latin1');
  const box = Buffer.concat([header, ...parts]);
  box.writeUInt32BE(box.length);
  return box;
}
