import type { MediaKind } from './types.ts';

const FOLDERS = { picture: 'pictures', copy: 'copies' } as const;
const EXTENSIONS = { picture: 'webp', copy: 'mp4' } as const;

/** Returns the folder of a kind, below the store. */
export function folderOf(kind: MediaKind): string {
  return FOLDERS[kind];
}

/** Returns the path of a file below the store, such as `pictures/ab/cd/abcd….webp`. Throws if it is not a SHA-256. */
export function pathOf(kind: MediaKind, sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError('a SHA-256 has 64 lowercase hexadecimal digits');
  return `${FOLDERS[kind]}/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.${EXTENSIONS[kind]}`;
}

/** Returns the SHA-256 of a path that `pathOf` has returned; undefined for any other path. */
export function sha256Of(kind: MediaKind, path: string): string | undefined {
  const sha256 = /\/([0-9a-f]{64})\.\w+$/.exec(path)?.[1];
  return sha256 !== undefined && pathOf(kind, sha256) === path ? sha256 : undefined;
}
