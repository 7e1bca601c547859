import { VideoUnreadable } from '../../errors.ts';
import type { BufferedReader } from './buffered-reader.ts';
import type { KeyFrame } from './key-frame.ts';
import { type Box, boxesOf, findMoov } from './mp4-boxes.ts';
import { firstKeySampleOfFragments, type SampleDefaults } from './mp4-fragments.ts';
import { ftyp, makeBox } from './mp4-header.ts';
import { firstKeySample, type Sample } from './mp4-tables.ts';

const entered = new Set(['trak', 'mdia', 'minf', 'stbl', 'tref']);
/** trak, mdia, minf, stbl. */
const maxDepth = 4;
/** A sample entry takes about 200 bytes. */
const maxBoxBytes = 64 * 1024;

/** The boxes of a track by type. */
type Track = { id: number; boxes: Map<string, Box> };

/**
 * Returns the first key frame of the first video track that holds no chapter images; undefined if its tables have none.
 * Throws VideoUnreadable for anything it cannot follow, and any error of `video.read`.
 */
export async function mp4KeyFrame(reader: BufferedReader): Promise<KeyFrame | undefined> {
  const moov = await findMoov(reader);
  const tracks: Track[] = [];
  const chapters = new Set<number>();
  let header: Buffer | undefined;
  let extends_: Box | undefined;
  for await (const box of boxesOf(reader, moov.at, moov.end)) {
    if (box.type === 'cmov') throw new VideoUnreadable('the moov box is compressed');
    if (box.type === 'mvhd') header = await copy(reader, box);
    if (box.type === 'mvex') extends_ = box;
    if (box.type !== 'trak') continue;
    const boxes = new Map<string, Box>();
    await noteBoxes(reader, box, boxes);
    const track = await videoTrack(reader, boxes, chapters);
    if (track !== undefined) tracks.push(track);
  }
  const track = tracks.find(({ id }) => !chapters.has(id));
  if (track === undefined || header === undefined) return undefined;
  const sample =
    (await firstKeySample(reader, track.boxes)) ??
    (await firstKeySampleOfFragments(reader, {
      from: moov.end,
      trackId: track.id,
      defaults: await defaultsOf(reader, extends_, track.id),
    }));
  if (sample === undefined) return undefined;
  const fileWith = await fileMaker(reader, header, track, sample);
  return { at: sample.at, length: sample.length, fileWith };
}

async function noteBoxes(reader: BufferedReader, parent: Box, boxes: Map<string, Box>, depth = 1): Promise<void> {
  if (depth > maxDepth) throw new VideoUnreadable('the boxes of moov are nested too deeply');
  for await (const box of boxesOf(reader, parent.at, parent.end)) {
    // QuickTime has a second hdlr in minf, for the data handler.
    const isDataHandler = box.type === 'hdlr' && parent.type !== 'mdia';
    if (!isDataHandler && !boxes.has(box.type)) boxes.set(box.type, box);
    if (entered.has(box.type)) await noteBoxes(reader, box, boxes, depth + 1);
  }
}

/** Returns the track if it is one of video. Notes the tracks that hold chapters of this one. */
async function videoTrack(
  reader: BufferedReader,
  boxes: Map<string, Box>,
  chapters: Set<number>,
): Promise<Track | undefined> {
  const [header, handler, chap] = [boxes.get('tkhd'), boxes.get('hdlr'), boxes.get('chap')];
  if (chap !== undefined) {
    const ids = await copy(reader, chap);
    for (let at = 8; at + 4 <= ids.length; at += 4) chapters.add(ids.readUInt32BE(at));
  }
  if (handler === undefined) return undefined;
  const kind = (await reader.upTo(12, handler.at)).toString('latin1', 8, 12);
  if (kind !== 'vide') return undefined;
  // Without its number, whether it is the reported one is unknown.
  if (header === undefined) throw new VideoUnreadable('a video track has no header');
  const fields = await reader.upTo(24, header.at);
  return { id: fields.readUInt32BE(fields[0] === 1 ? 20 : 12), boxes };
}

/** Returns what mvex states for the samples of this track. */
async function defaultsOf(reader: BufferedReader, mvex: Box | undefined, trackId: number): Promise<SampleDefaults> {
  const none = { length: 0, flags: 0, entry: 1 };
  if (mvex === undefined) return none;
  for await (const box of boxesOf(reader, mvex.at, mvex.end)) {
    const fields = box.type === 'trex' ? await reader.upTo(24, box.at) : undefined;
    if (fields?.readUInt32BE(4) !== trackId) continue;
    return { entry: fields.readUInt32BE(8), length: fields.readUInt32BE(16), flags: fields.readUInt32BE(20) };
  }
  return none;
}

/** Returns a copy of the whole box, because the reader reuses its buffer. */
async function copy(reader: BufferedReader, { type, at, end }: Box): Promise<Buffer> {
  if (end - at > maxBoxBytes) throw new VideoUnreadable(`the box ${type} is ${end - at} bytes long`);
  const content = await reader.upTo(end - at, at);
  if (content.length < end - at) throw new VideoUnreadable('the moov box is cut short');
  return makeBox(type, [content]);
}

/** Without edit lists and data references, which could name other times and other files. */
async function fileMaker(reader: BufferedReader, mvhd: Buffer, { boxes }: Track, { entry }: Sample) {
  const part = async (type: string) => {
    const box = boxes.get(type);
    return box === undefined ? Buffer.alloc(0) : copy(reader, box);
  };
  const [tkhd, mdhd, hdlr] = [await part('tkhd'), await part('mdhd'), await part('hdlr')];
  const [vmhd, stsd] = [await part('vmhd'), await part('stsd')];
  return (content: Buffer) => {
    const tables = [
      makeTable('stts', [1, 1, 1]),
      makeTable('stsc', [1, 1, 1, entry]),
      makeTable('stsz', [0, 1, content.length]),
      makeTable('stco', [1, ftyp.length + 8]),
    ];
    const stbl = makeBox('stbl', [stsd, ...tables]);
    const trak = makeBox('trak', [tkhd, makeBox('mdia', [mdhd, hdlr, makeBox('minf', [vmhd, stbl])])]);
    return Buffer.concat([ftyp, makeBox('mdat', [content]), makeBox('moov', [mvhd, trak])]);
  };
}

function makeTable(type: string, fields: number[]): Buffer {
  const content = Buffer.alloc(4 + 4 * fields.length);
  for (const [index, field] of fields.entries()) content.writeUInt32BE(field, 4 + 4 * index);
  return makeBox(type, [content]);
}
