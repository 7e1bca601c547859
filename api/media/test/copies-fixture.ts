import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { type MediaStore, openMediaStore } from '#media/store.ts';
import { addPending, claim, recordResolution } from '#prisma/alerts.ts';
import { claimCopy, recordCopy } from '#prisma/copies.ts';
import { createKey, keyAuth } from '../../test/browser.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';

/** The api of the test file. */
export let api: TestApi;
export let store: MediaStore;
let folder: string;
/** A key that may read and request copies. */
export let operator: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copies-'));
  store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
  api = await startTestApi({ auth: keyAuth, media: { store } });
  operator = await createKey(api.db, 'read', 'operate');
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

type Facts = { container?: string; codec?: string; store?: string; status?: 'pending' | 'processed'; days?: number };

/** Returns the uuid of a new alert. */
export async function alert({ container = 'avi', codec = 'mpeg4', status = 'processed', ...more }: Facts = {}) {
  const uuid = randomUUID();
  await addPending(api.db, { uuid, video: `/a.${container}`, store: more.store ?? 'a', timestamp: 1, requestId: 'r' });
  if (status === 'pending') return uuid;
  const claimed = await claim(api.db, uuid);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  const facts = { resolution: '2x1', width: 2, height: 1, rotation: 0, codec, container, duration: 1 };
  await recordResolution(api.db, { uuid, claim: claimed.alert.claims }, facts, 1);
  await api.db.$executeRaw`
    UPDATE alerts SET received_at = now() - make_interval(days => ${more.days ?? 0}::int) WHERE uuid = ${uuid}::uuid`;
  return uuid;
}

type Init = { method?: string; key?: string; query?: string; headers?: Record<string, string> };
/** Requests the copy of an alert. */
export const copy = (uuid: string, { key = operator, query = '', headers, ...init }: Init = {}) =>
  fetch(`${api.url}/alerts/${uuid}/copy${query}`, { ...init, headers: { authorization: `Bearer ${key}`, ...headers } });
export const post = (uuid: string, init: Init = {}) => copy(uuid, { method: 'POST', ...init });

/** Does what a worker does for the copy that is due. */
export async function claimed() {
  const found = await claimCopy(api.db, 60_000);
  if (!found) throw new Error('no copy is due');
  return found;
}

/** Stores a copy of these bytes for the alert that is due. */
export async function makeCopy(bytes: Uint8Array = randomBytes(10_000)): Promise<Uint8Array> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await store.put('copy', bytes, sha256);
  await recordCopy(api.db, await claimed(), { sha256, width: 640, height: 360, bytes: bytes.length });
  return bytes;
}
