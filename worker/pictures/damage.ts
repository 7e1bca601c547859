import type { VideoFacts } from '../video/types.ts';
import { PictureError } from './error.ts';

/** Codecs whose frames may consist of zeros. */
const plainCodecs = new Set(['rawvideo', 'ffv1', 'huffyuv', 'ffvhuff', 'utvideo', 'png', 'dvvideo']);
/** Their writers fill up a frame with zeros. */
const filledCodecs = new Set(['mpeg1video', 'mpeg2video', 'mjpeg']);
/** A disk or an upload that ended early leaves zeros in blocks of this size. */
const blockBytes = 4096;
const emptyBlock = Buffer.alloc(blockBytes);
/** Other compressed frames have at most 7 in a row: measured with 390 videos, also of one color. */
const longGap = Buffer.alloc(64);
const endOfJpeg = Buffer.from([0xff, 0xd9]);

/**
 * Throws PictureError for a frame with a gap. Decoders report most damage, but some of them take zeros for a grey area.
 * They cannot detect every wrong bit.
 */
export function checkFrame({ codec }: Pick<VideoFacts, 'codec'>, frame: Buffer): void {
  if (codec === 'mjpeg' && !frame.subarray(-blockBytes).includes(endOfJpeg)) {
    throw new PictureError('frame_damaged', 'the end of the first frame is missing');
  }
  if (plainCodecs.has(codec)) return;
  if (!frame.includes(filledCodecs.has(codec) ? emptyBlock : longGap)) return;
  // The code of an unchanged block may be zero.
  if (codec !== 'mjpeg' || !isOneColor(frame)) {
    throw new PictureError('frame_damaged', 'the first key frame has a gap of zeros');
  }
}

/** Whether nearly all blocks are zeros. */
function isOneColor(frame: Buffer): boolean {
  const blocks = Math.floor(frame.length / blockBytes);
  let empty = 0;
  for (let block = 0; block < blocks; block += 1) {
    if (frame.subarray(block * blockBytes, (block + 1) * blockBytes).equals(emptyBlock)) empty += 1;
  }
  return empty > 0.9 * blocks;
}
