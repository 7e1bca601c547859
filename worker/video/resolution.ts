import { NoVideoStream } from '../errors.ts';
import type { VideoFacts } from './types.ts';

/** A picture as the decoder outputs it: cropped but not yet rotated. */
export type CodedPicture = {
  /** Pixels; undefined if the header does not state them. */
  codedWidth: number | undefined;
  codedHeight: number | undefined;
  /** Degrees clockwise, not necessarily a multiple of 90. */
  rotation: number;
};

/** Returns width and height as shown; nothing else applies a rotation. Throws NoVideoStream for a picture without area. */
export function shownResolution(
  picture: CodedPicture,
): Pick<VideoFacts, 'resolution' | 'width' | 'height' | 'rotation'> {
  const { codedWidth, codedHeight } = picture;
  if (!isLength(codedWidth) || !isLength(codedHeight)) {
    throw new NoVideoStream(`the picture is ${codedWidth ?? '?'}x${codedHeight ?? '?'}`);
  }
  const rotation = nearestQuarterTurn(picture.rotation);
  const sideways = rotation === 90 || rotation === 270;
  const width = sideways ? codedHeight : codedWidth;
  const height = sideways ? codedWidth : codedHeight;
  return { resolution: `${width}x${height}`, width, height, rotation };
}

function isLength(pixels: number | undefined): pixels is number {
  return pixels !== undefined && Number.isInteger(pixels) && pixels > 0;
}

/** Players do the same with a tilted display matrix. */
function nearestQuarterTurn(degrees: number): VideoFacts['rotation'] {
  const turns = ((Math.round(degrees / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[turns] ?? 0;
}
