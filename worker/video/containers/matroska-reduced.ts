import type { BufferedReader } from './buffered-reader.ts';
import { makeElement, readMatroskaHeader } from './matroska-header.ts';

const ids = { cluster: 0x1f43b675, timestamp: 0xe7, simpleBlock: 0xa3 };
const keyFrame = 0x80;
/** A track number of one byte in a block has its highest bit set. */
const maxTrackNumber = 126;

/**
 * Returns a short file with the video tracks and the first frame of the first one; undefined if that frame is missing, or
 * if the tracks are near the beginning of the file, where ffprobe finds them. Throws VideoUnreadable, and any error of
 * `video.read`.
 */
export async function reducedMatroska(reader: BufferedReader): Promise<Buffer | undefined> {
  const { file, trackNumbers, crossCheck, isFar } = await readMatroskaHeader(reader);
  const [first] = trackNumbers;
  if (!isFar || first === undefined || first > maxTrackNumber) return undefined;
  const frame = await crossCheck(first).frame();
  if (frame === undefined) return undefined;
  const timestamp = makeElement(ids.timestamp, Buffer.from([0]));
  const block = makeElement(ids.simpleBlock, Buffer.concat([Buffer.from([0x80 + first, 0, 0, keyFrame]), frame]));
  return Buffer.concat([file, makeElement(ids.cluster, Buffer.concat([timestamp, block]))]);
}
