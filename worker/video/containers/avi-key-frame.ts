import { isKeyFrame } from '../codecs/key-frames.ts';
import { codecOfFourcc } from '../codecs/names.ts';
import { type Chunk, firstFrame, readContent, readHeaders } from './avi.ts';
import type { BufferedReader } from './buffered-reader.ts';
import type { KeyFrame } from './key-frame.ts';

/** With a palette, or the tables of a lossless codec. */
const maxDescriptionBytes = 64 * 1024;
const enoughOfFrame = 1024;

/**
 * Returns the first key frame of the first video stream; undefined if the first frames are none. Throws VideoUnreadable
 * or NoVideoStream for anything it cannot follow, and any error of `video.read`.
 */
export async function aviKeyFrame(reader: BufferedReader): Promise<KeyFrame | undefined> {
  const { stream, frames } = await readHeaders(reader);
  const codec = codecOfFourcc(stream.format.toString('latin1', 16, 20));
  const frame = await firstFrame(reader, frames, stream.index, async ({ at, length }) =>
    isKeyFrame(codec, await reader.beginning(at, length, enoughOfFrame)),
  );
  const description: Buffer[] = [];
  for (const chunk of stream.chunks) {
    if (chunk.length > maxDescriptionBytes) return undefined;
    description.push(makeChunk(chunk.type, Buffer.from(await readContent(reader, chunk, chunk.length))));
  }
  if (frame === undefined) return undefined;
  return { at: frame.at, length: frame.length, fileWith: (content) => fileOf(description, frame, content) };
}

/** The main header counts one stream; ffmpeg reads the rest from the stream's own. */
function fileOf(description: Buffer[], frame: Chunk, content: Buffer): Buffer {
  const main = Buffer.alloc(56);
  main.writeUInt32LE(1, 24);
  const stream = makeChunk('LIST', Buffer.concat([Buffer.from('strl'), ...description]));
  const header = makeChunk('LIST', Buffer.concat([Buffer.from('hdrl'), makeChunk('avih', main), stream]));
  const only = makeChunk(`00${frame.type.slice(2)}`, content);
  const frames = makeChunk('LIST', Buffer.concat([Buffer.from('movi'), only]));
  return makeChunk('RIFF', Buffer.concat([Buffer.from('AVI '), header, frames]));
}

function makeChunk(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 'latin1');
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}
