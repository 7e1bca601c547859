import type { Picture } from './generated/client.ts';

/** The columns of a picture. `sha256`: hexadecimal, the name of its file. */
export type PictureRow = Pick<Picture, 'status' | 'reason' | 'detail' | 'width' | 'height'> & {
  picture_bytes: number;
  sha256: string | null;
};
