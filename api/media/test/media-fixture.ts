import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { linkKeys } from '#media/links.ts';
import { type MediaKind, type MediaStore, openMediaStore } from '#media/store.ts';
import { newAlert, startTestApi, type TestApi } from '../../test/test-api.ts';

export const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export const KEY = randomBytes(32);
export const OTHER_KEY = randomBytes(32);

export type MediaApi = TestApi & {
  store: MediaStore;
  folder: string;
  /** Creates an alert with this picture or copy, and returns its uuid. */
  addAlert(of: MediaKind, bytes?: Uint8Array, store?: string): Promise<string>;
};

/** Starts the api with a store in a new folder, and with KEY as the key of links. */
export async function startMediaApi(options: Parameters<typeof startTestApi>[0] = {}): Promise<MediaApi> {
  const folder = mkdtempSync(join(tmpdir(), 'media-api-'));
  const store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
  const media = { store, linkKeys: linkKeys({ LINK_KEYS: [KEY] }), ...options.media };
  const api = await startTestApi({ ...options, media });
  return {
    ...api,
    store,
    folder,
    async addAlert(of, bytes, storeName = 'test-store') {
      const alert = newAlert({ store: storeName });
      await api.db.$executeRaw`
        INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, updated_at)
        VALUES (${alert.uuid}::uuid, ${alert.video}, ${alert.store}, 1, 'r', 'processed', now())`;
      if (bytes) await addFile(api, store, { of, uuid: alert.uuid, bytes });
      return alert.uuid;
    },
    async close() {
      await api.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function addFile(
  { db }: TestApi,
  store: MediaStore,
  { of, uuid, bytes }: { of: MediaKind; uuid: string; bytes: Uint8Array },
): Promise<void> {
  const sha256 = sha256Of(bytes);
  await store.put(of, bytes, sha256);
  const table = of === 'picture' ? 'pictures' : 'copies';
  await db.$executeRawUnsafe(
    `INSERT INTO ${table} (alert_id, status, sha256, bytes, width, height)
     SELECT id, 'ready', decode($1, 'hex'), $2, 64, 36 FROM alerts WHERE uuid = $3::uuid`,
    ...[sha256, bytes.length, uuid],
  );
}
