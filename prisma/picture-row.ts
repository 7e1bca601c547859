import type { Alert, Picture } from './generated/client.ts';

/** The columns of a picture. `sha256`: hexadecimal, the name of its file. */
export type PictureRow = Pick<Picture, 'status' | 'reason' | 'detail' | 'width' | 'height'> & {
  picture_bytes: number;
  sha256: string | null;
};

/** An alert with its picture; null: it has none. Undefined: not read, because only processed alerts have one. */
export type PicturedAlert = Alert & { picture?: PictureRow | null };
