import { VideoUnreadable } from '../../errors.ts';
import type { BufferedReader } from './buffered-reader.ts';
import { type Box, boxesOf } from './mp4-boxes.ts';
import { ftyp, makeBox } from './mp4-header.ts';

const copied = new Set(['mvhd', 'tkhd', 'mdhd', 'hdlr', 'tref', 'vmhd', 'stsd']);
const entered = new Set(['trak', 'mdia', 'minf', 'stbl']);
const tables = new Set(['stsc', 'stsz', 'stco', 'co64']);
/** trak, mdia, minf, stbl. */
const maxDepth = 4;
/** A sample entry takes about 200 bytes. */
const maxBoxBytes = 64 * 1024;
/** Enough of a picture for its decoder. */
const maxFrameBytes = 256 * 1024;
const maxDuration = 2 ** 31 - 1;

/** `header`: first bytes of the sample tables, by type. */
type Track = { handler: string; duration: number; header: Map<string, Buffer> };

/**
 * Returns a valid file with the first frame of each video track and a moov box whose sample tables contain that frame
 * only; undefined if a video track has no frame in its tables. Its size does not depend on the length of the recording.
 * Throws VideoUnreadable for anything it cannot follow, and any error of `video.read`.
 */
export async function reducedMp4(reader: BufferedReader, moov: Box): Promise<Buffer | undefined> {
  const frames: Buffer[] = [];
  const parts: Buffer[] = [];
  for await (const box of boxesOf(reader, moov.at, moov.end)) {
    if (box.type === 'cmov' || box.type === 'mvex') return undefined;
    if (box.type !== 'trak') {
      parts.push(await reduced(reader, box, undefined));
      continue;
    }
    const track: Track = { handler: '', duration: 0, header: new Map() };
    const content = await reduced(reader, box, track);
    // Without its kind, the track may be the first video track.
    if (track.handler === '') return undefined;
    if (track.handler !== 'vide') continue;
    const frame = await firstFrame(reader, track.header);
    if (frame === undefined) return undefined;
    const at = ftyp.length + 8 + Buffer.concat(frames).length;
    frames.push(frame);
    parts.push(withTables(content, track, { at, length: frame.length }));
  }
  return Buffer.concat([ftyp, makeBox('mdat', frames), makeBox('moov', parts)]);
}

/** Returns the box without sample tables, whose first bytes it notes in `track`. */
async function reduced(reader: BufferedReader, box: Box, track: Track | undefined, depth = 1): Promise<Buffer> {
  if (tables.has(box.type)) track?.header.set(box.type, await copy(reader, box, Math.min(20, box.end - box.at)));
  if (copied.has(box.type)) {
    const content = await copy(reader, box, box.end - box.at);
    if (box.type === 'mdhd' && track !== undefined) track.duration = durationOf(content);
    if (box.type === 'hdlr' && track !== undefined) track.handler ||= content.toString('latin1', 8, 12);
    return makeBox(box.type, [content]);
  }
  if (!entered.has(box.type)) return Buffer.alloc(0);
  if (depth > maxDepth) throw new VideoUnreadable('the boxes of moov are nested too deeply');
  const parts: Buffer[] = [];
  for await (const child of boxesOf(reader, box.at, box.end)) {
    // QuickTime has a second hdlr in minf, for the data handler.
    if (child.type === 'hdlr' && box.type !== 'mdia') continue;
    parts.push(await reduced(reader, child, track, depth + 1));
  }
  return makeBox(box.type, parts);
}

/** Returns a copy, because the reader reuses its buffer. */
async function copy(reader: BufferedReader, { type, at }: Box, length: number): Promise<Buffer> {
  if (length > maxBoxBytes) throw new VideoUnreadable(`the box ${type} is ${length} bytes long`);
  const content = await reader.upTo(length, at);
  if (content.length < length) throw new VideoUnreadable('the moov box is cut short');
  return Buffer.from(content);
}

/** In units of the track's time scale; in version 1 the dates before it have 64 bits. */
function durationOf(mdhd: Buffer): number {
  const duration = mdhd[0] === 1 ? Number(mdhd.readBigUInt64BE(24)) : mdhd.readUInt32BE(16);
  return Math.min(duration, maxDuration);
}

async function firstFrame(reader: BufferedReader, header: Track['header']): Promise<Buffer | undefined> {
  const [short, long, sizes] = [header.get('stco'), header.get('co64'), header.get('stsz')];
  const hasFrame = (long?.length ?? 0) >= 16 || (short?.length ?? 0) >= 12;
  if (!hasFrame) return undefined;
  const start = long === undefined ? (short?.readUInt32BE(8) ?? 0) : Number(long.readBigUInt64BE(8));
  // The size of all samples, or 0 before the size of each.
  const [common, first] = [sizes?.readUInt32BE(4) ?? 0, sizes?.length === 20 ? sizes.readUInt32BE(12) : 0];
  const length = Math.min(common || first || maxFrameBytes, maxFrameBytes);
  const frame = Buffer.from(await reader.upTo(length, start));
  return frame.length > 0 ? frame : undefined;
}

/** Returns the trak box with tables for one sample at this position: appended to stbl, its last box and its parents' last. */
function withTables(trak: Buffer, { duration, header }: Track, { at, length }: { at: number; length: number }): Buffer {
  const sampleEntry = header.get('stsc')?.readUInt32BE(16) ?? 1;
  const boxes = Buffer.concat([
    table('stts', [1, 1, duration]),
    table('stsc', [1, 1, 1, sampleEntry]),
    table('stsz', [0, 1, length]),
    table('stco', [1, at]),
  ]);
  const stbl = lastBox(trak, ['mdia', 'minf', 'stbl']);
  const all = Buffer.concat([trak.subarray(0, stbl.end), boxes, trak.subarray(stbl.end)]);
  for (const start of stbl.starts) all.writeUInt32BE(all.readUInt32BE(start) + boxes.length, start);
  return all;
}

/** Returns where the boxes of this path start, the outermost first, and where the innermost ends. */
function lastBox(box: Buffer, path: string[]): { starts: number[]; end: number } {
  const starts = [0];
  let end = box.length;
  for (const type of path) {
    let at = (starts.at(-1) ?? 0) + 8;
    while (at + 8 <= end && box.toString('latin1', at + 4, at + 8) !== type) at += box.readUInt32BE(at);
    if (at + 8 > end) throw new VideoUnreadable(`a video track has no ${type} box`);
    starts.push(at);
    end = at + box.readUInt32BE(at);
  }
  return { starts, end };
}

function table(type: string, fields: number[]): Buffer {
  const content = Buffer.alloc(4 + 4 * fields.length);
  for (const [index, field] of fields.entries()) content.writeUInt32BE(field, 4 + 4 * index);
  return makeBox(type, [content]);
}
