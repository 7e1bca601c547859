import type { Source } from '#sources/file.ts';
import { folderOf, pathOf, sha256Of } from './names.ts';
import type { ObjectStore } from './objects.ts';
import { openConfiguredObjects, openObjects } from './open-objects.ts';
import type { MediaKind, MediaStore, StoredFile } from './types.ts';

export type { ByteRange } from './objects.ts';
export type { MediaKind, MediaStore, StoredFile } from './types.ts';

const TYPES = { picture: 'image/webp', copy: 'video/mp4' } as const;

/** Returns the store of MEDIA_URL. Throws ConfigError if it names no bucket of `sources`. */
export function openMediaStore(url: string, { sources }: { sources: ReadonlyMap<string, Source> }): MediaStore {
  return mediaStore(openObjects({ variable: 'MEDIA_URL', url }, sources));
}

/** Returns the store of these variables; undefined without MEDIA_URL. Reads no other credentials. Throws ConfigError. */
export function openConfiguredStore(
  { MEDIA_URL, SOURCES_FILE }: { MEDIA_URL?: string | undefined; SOURCES_FILE?: string | undefined },
  env: Record<string, string | undefined>,
): MediaStore | undefined {
  if (MEDIA_URL === undefined) return undefined;
  return mediaStore(openConfiguredObjects({ variable: 'MEDIA_URL', url: MEDIA_URL }, { SOURCES_FILE, env }));
}

/** Returns the store of pictures and copies in this store of files. */
export function mediaStore(objects: { store: ObjectStore; isFolder: boolean }): MediaStore {
  const { store, isFolder } = objects;
  return {
    put: async (kind, content, sha256) =>
      store.put(pathOf(kind, sha256), content, { type: TYPES[kind], existing: 'same', sha256 }),
    open: async (kind, sha256, range) => store.open(pathOf(kind, sha256), range),
    size: async (kind, sha256) => store.size(pathOf(kind, sha256)),
    remove: async (kind, sha256) => store.remove(pathOf(kind, sha256)),
    list: (kind, begin) => list(store, kind, begin),
    ...(isFolder && { internalPath: pathOf }),
    check: store.check,
    ...(store.space && { space: store.space }),
    close: store.close,
  };
}

async function* list(store: ObjectStore, kind: MediaKind, begin: string | undefined): AsyncGenerator<StoredFile> {
  const folder = `${folderOf(kind)}/${begin === undefined ? '' : `${begin}/`}`;
  for await (const { path, bytes, modifiedAt } of store.list(folder)) {
    const sha256 = sha256Of(kind, path);
    if (sha256 !== undefined) yield { sha256, bytes, modifiedAt };
  }
}
