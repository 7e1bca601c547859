import { NoVideoStream, VideoUnreadable } from '../../errors.ts';
import { confirmsSize } from '../codecs/coded-size.ts';
import { codecOfFourcc } from '../codecs/names.ts';
import { shownResolution } from '../resolution.ts';
import type { VideoFacts } from '../types.ts';
import type { BufferedReader } from './buffered-reader.ts';

/** `at`: offset of the content; `end`: offset of the next chunk, an even number. */
export type Chunk = { type: string; at: number; length: number; end: number };
/** The first video stream: its number, and the beginning of its strh and strf chunks; all chunks that describe it. */
type Stream = { index: number; header: Buffer; format: Buffer; chunks: Chunk[] };
type Headers = { frames: Chunk; stream: Stream; microsecondsPerFrame: number };

/** The header list of an AVI with a hundred streams has fewer chunks. */
const maxChunks = 1000;
/** Some recorders write seconds of sound before the first frame. This bounds the time for a file of empty chunks. */
const maxChunksBeforeFrame = 20_000;
/** Reads of the search for the first frame, each of a window or more: 3 MiB. */
const maxReads = 200;
/** A frame's size is in its first bytes: a sequence header, or after the tables of a JPEG. */
const enoughOfFrame = 1024;
/** ffprobe reads so much before the first frame. */
const nearBytes = 256 * 1024;
const maxHeaderBytes = 1024 * 1024;
/** Enough of a picture for its decoder. */
const maxFrameBytes = 256 * 1024;

/**
 * Parses the header of an AVI in this process and checks the size against the first frame. Takes 0.03 ms and one read.
 * Throws VideoUnreadable or NoVideoStream for anything it cannot read or confirm, and any error of `video.read`.
 */
export async function probeAvi(reader: BufferedReader): Promise<VideoFacts> {
  const { stream, frames, microsecondsPerFrame } = await readHeaders(reader);
  const codec = codecOfFourcc(stream.format.toString('latin1', 16, 20));
  // A negative height means that raw pictures are stored from the top down.
  const size = { width: stream.format.readUInt32LE(4), height: Math.abs(stream.format.readInt32LE(8)) };
  const frame = () => beginningOfFrame(reader, frames, stream.index);
  if (codec === undefined || !(await confirmsSize(codec, size, { frame }))) {
    // ffprobe comes next and needs the first frame: this read puts it into `reader.spans`.
    await frame();
    throw new VideoUnreadable('the first frame does not confirm the size in the header');
  }
  return {
    ...shownResolution({ codedWidth: size.width, codedHeight: size.height, rotation: 0 }),
    codec,
    container: 'avi',
    duration: durationOf(stream.header, microsecondsPerFrame),
  };
}

/** Walks the chunks up to the list of frames. Header lists are entered rather than skipped. */
export async function readHeaders(reader: BufferedReader): Promise<Headers> {
  let [position, index, microsecondsPerFrame] = [12, -1, 0];
  let header: Buffer | undefined;
  let headerChunk: Chunk | undefined;
  let stream: Stream | undefined;
  for (let chunks = 0; chunks < maxChunks; chunks += 1) {
    const chunk = await readChunk(reader, position);
    if (chunk.type === 'LIST movi') {
      if (stream === undefined) throw new NoVideoStream('the file has no video stream');
      return { frames: chunk, stream, microsecondsPerFrame };
    }
    if (chunk.type === 'avih') microsecondsPerFrame = (await readContent(reader, chunk, 4)).readUInt32LE(0);
    if (chunk.type === 'strh') {
      index += 1;
      header = await readContent(reader, chunk, 36);
      const kind = header.toString('latin1', 0, 4);
      // Type 1 DV: one stream with both audio and video.
      if (kind === 'iavs') throw new VideoUnreadable('audio and video share one stream');
      if (kind !== 'vids') header = undefined;
      headerChunk = chunk;
    }
    if (chunk.type === 'strf' && header !== undefined && headerChunk !== undefined) {
      stream ??= { index, header, format: await readContent(reader, chunk, 40), chunks: [headerChunk, chunk] };
      header = undefined;
    }
    // The shape of the pixels.
    if (chunk.type === 'vprp' && stream?.index === index) stream.chunks.push(chunk);
    position = isEntered(chunk) ? chunk.at : chunk.end;
  }
  throw new VideoUnreadable(`the list of frames is not among the first ${maxChunks} chunks`);
}

function isEntered({ type }: Chunk): boolean {
  return type === 'LIST hdrl' || type === 'LIST strl' || type === 'LIST rec ';
}

async function readChunk(reader: BufferedReader, position: number): Promise<Chunk> {
  const head = await reader.upTo(12, position);
  if (head.length < 12) throw new VideoUnreadable('the file ends before its list of frames');
  const type = head.toString('latin1', 0, 4);
  const length = head.readUInt32LE(4);
  if (!/^[\x20-\x7e]{4}$/.test(type)) throw new VideoUnreadable('the chunks are damaged');
  const end = position + 8 + length + (length % 2);
  if (type !== 'LIST') return { type, at: position + 8, length, end };
  return { type: `LIST ${head.toString('latin1', 8, 12)}`, at: position + 12, length: length - 4, end };
}

/** Returns the first `length` bytes of a chunk. Throws VideoUnreadable if it is shorter. */
export async function readContent(reader: BufferedReader, chunk: Chunk, length: number): Promise<Buffer> {
  const bytes = await reader.upTo(length, chunk.at);
  if (chunk.length < length || bytes.length < length) throw new VideoUnreadable(`the chunk ${chunk.type} is too short`);
  return bytes;
}

async function beginningOfFrame(reader: BufferedReader, frames: Chunk, index: number): Promise<Buffer | undefined> {
  const frame = await firstFrame(reader, frames, index);
  return frame && reader.beginning(frame.at, frame.length, enoughOfFrame);
}

/** Returns the first non-empty, accepted frame of the stream: a chunk `00dc`, or `00db` for raw pictures. */
export async function firstFrame(
  reader: BufferedReader,
  frames: Chunk,
  index: number,
  accept = async (_frame: Chunk) => true,
): Promise<Chunk | undefined> {
  const stream = String(index).padStart(2, '0');
  const lastRead = reader.spans.length + maxReads;
  let position = frames.at;
  for (let chunks = 0; chunks < maxChunksBeforeFrame && reader.spans.length <= lastRead; chunks += 1) {
    const chunk = await readChunk(reader, position);
    const isFrame = chunk.type === `${stream}dc` || chunk.type === `${stream}db`;
    if (isFrame && chunk.length > 0 && (await accept(chunk))) return chunk;
    position = isEntered(chunk) ? chunk.at : chunk.end;
  }
  return undefined;
}

/**
 * Returns a short file with the header and the first frame; undefined if that frame is missing, or near the header, where
 * ffprobe finds it. Throws VideoUnreadable or NoVideoStream, and any error of `video.read`.
 */
export async function reducedAvi(reader: BufferedReader): Promise<Buffer | undefined> {
  const { stream, frames } = await readHeaders(reader);
  const frame = await firstFrame(reader, frames, stream.index);
  if (frame === undefined || frame.at - frames.at < nearBytes || frames.at > maxHeaderBytes) return undefined;
  const header = Buffer.from(await reader.upTo(frames.at, 0));
  const content = Buffer.from(await reader.upTo(Math.min(frame.length, maxFrameBytes), frame.at));
  const start = Buffer.from(frame.type.padEnd(8), 'latin1');
  start.writeUInt32LE(content.length, 4);
  const file = Buffer.concat([header, start, content, Buffer.alloc(content.length % 2)]);
  file.writeUInt32LE(file.length - 8, 4);
  file.writeUInt32LE(file.length - frames.at + 4, frames.at - 8);
  return file;
}

/** Multiplies the number of frames by the stream's time per frame, or the file's if the stream has none. */
function durationOf(header: Buffer, microsecondsPerFrame: number): number | null {
  const [scale, rate, frames] = [header.readUInt32LE(20), header.readUInt32LE(24), header.readUInt32LE(32)];
  const secondsPerFrame = scale > 0 && rate > 0 ? scale / rate : microsecondsPerFrame / 1e6;
  const seconds = frames * secondsPerFrame;
  return seconds > 0 ? seconds : null;
}
