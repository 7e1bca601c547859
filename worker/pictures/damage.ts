import type { VideoFacts } from '../video/types.ts';
import { PictureError } from './error.ts';

/** Codecs whose frames may consist of zeros. */
const plainCodecs = new Set(['rawvideo', 'ffv1', 'huffyuv', 'ffvhuff', 'utvideo', 'png', 'dvvideo']);
/** A disk or an upload that ended early leaves zeros in blocks of this size. */
const emptyBlock = Buffer.alloc(4096);

/**
 * Throws PictureError for a frame with a gap. Decoders report most damage, but some of them take zeros for a grey area: no
 * compressed frame contains 4 KiB of them.
 */
export function checkFrame({ codec }: VideoFacts, frame: Buffer): void {
  if (!plainCodecs.has(codec) && frame.includes(emptyBlock)) {
    throw new PictureError('frame_damaged', 'the first key frame has a gap of zeros');
  }
}
