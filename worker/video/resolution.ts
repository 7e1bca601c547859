import { NoVideoStream } from '../errors.ts';
import type { VideoFacts } from './types.ts';

/** A picture as its decoder puts it out, cropped but not yet turned. */
export type CodedPicture = {
  /** Pixels; undefined where the header has none. */
  codedWidth: number | undefined;
  codedHeight: number | undefined;
  /** Degrees clockwise, any multiple or fraction of 90. */
  rotation: number;
};

/** The one place that turns a picture: width and height as shown. Throws NoVideoStream where there is no area. */
export function shownResolution(
  picture: CodedPicture,
): Pick<VideoFacts, 'resolution' | 'width' | 'height' | 'rotation'> {
  const { codedWidth, codedHeight } = picture;
  if (!isLength(codedWidth) || !isLength(codedHeight)) {
    throw new NoVideoStream(`the picture is ${codedWidth ?? '?'}x${codedHeight ?? '?'}`);
  }
  const rotation = quarterTurn(picture.rotation);
  const sideways = rotation === 90 || rotation === 270;
  const width = sideways ? codedHeight : codedWidth;
  const height = sideways ? codedWidth : codedHeight;
  return { resolution: `${width}x${height}`, width, height, rotation };
}

function isLength(pixels: number | undefined): pixels is number {
  return pixels !== undefined && Number.isInteger(pixels) && pixels > 0;
}

/** The nearest quarter turn, as players do with a tilted display matrix. */
function quarterTurn(degrees: number): VideoFacts['rotation'] {
  const turns = ((Math.round(degrees / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[turns] ?? 0;
}
