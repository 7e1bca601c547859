// More than 250 lines: every kind of change, on the same two apis.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { claim, markNotified, recordFailure, recordResolution, retryFailed } from '#prisma/alerts.ts';
import { deleteFinished } from '#prisma/delete-alerts.ts';
import { recordLostFiles } from '#prisma/media-files.ts';
import { claimPicture, pictureLater, pictureNone, pictureReady } from '#prisma/pictures.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { send } from '../destinations/test/destination-client.ts';
import { archiveAndRestore } from './archived-alerts.ts';
import { keyClients } from './key-clients.ts';
import { RawClient } from './raw-client.ts';
import { newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

const { auth, client } = keyClients();
const manager = client('manager', ['write', 'read', 'manage', 'operate', 'metrics']);
const harbour = client('harbour', ['read'], ['harbour']);

// Entries of `reader` are dropped only because a check finds the change: not by their age, not by this process's writes.
const ONLY_CHECKS = { checkMs: 50, validMs: 3_600_000, unusedMs: 3_600_000 };
// Entries are dropped only by this process's writes and reads.
const NO_CHECKS = { ...ONLY_CHECKS, checkMs: 3_600_000 };

/** Another process, without a cache. */
let writer: TestApi;
let reader: TestApi;
beforeAll(async () => {
  writer = await startTestApi({ auth });
  reader = await startReader({ responseCache: ONLY_CHECKS });
});
afterAll(async () => {
  await reader.close();
  await writer.close();
});

const startReader = (options: Parameters<typeof startTestApi>[0]) =>
  startTestApi({ databaseUrl: writer.databaseUrl, auth, ...options });

async function opened(options: Parameters<typeof startTestApi>[0]): Promise<TestApi> {
  const api = await startReader(options);
  onTestFinished(() => api.close());
  return api;
}

const get = (api: TestApi, uuid: string, headers: Record<string, string> = manager) =>
  send(api, 'GET', `/alerts/${uuid}`, undefined, headers);

const raw = (api: TestApi, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(api.url + path, { method, headers: { ...manager, ...headers } });

const resolution = {
  ...{ resolution: '640x360', width: 640, height: 360, rotation: 0 },
  ...{ codec: 'h264', container: 'mp4', duration: 3.04 },
};

type Kind = 'processed' | 'failed';

async function finished(kind: Kind, { store = 'test-store', notified = true } = {}) {
  const { uuid } = newAlert({ store });
  expect((await writer.post(newAlert({ uuid, store }), manager)).status).toBe(202);
  await claim(writer.db, uuid);
  const lease = { uuid, claim: 1 };
  const failure = { code: 'no_video_stream', detail: 'sound only' } as const;
  const recorded =
    kind === 'failed'
      ? await recordFailure(writer.db, lease, failure, 5)
      : await recordResolution(writer.db, lease, resolution, 5, { status: 'pending' });
  if (notified) await markNotified(writer.db, lease);
  return { uuid, pictureOf: recorded.pictureOf ?? 0n };
}

/** Reads the alert until the api has its response in the cache. */
async function cache(api: TestApi, uuid: string): Promise<void> {
  await expect
    .poll(async () => {
      await get(api, uuid);
      return api.responses.find(uuid);
    }, POLL)
    .toBeDefined();
}

async function cachedAlert(api: TestApi, kind: Kind, options?: Parameters<typeof finished>[1]) {
  const alert = await finished(kind, options);
  await cache(api, alert.uuid);
  return alert;
}

async function hits(api: TestApi): Promise<number> {
  const text = await (await raw(api, '/metrics')).text();
  return Number(/^response_cache_requests_total\{result="hit"\} (\d+)$/m.exec(text)?.[1]);
}

const shows = (api: TestApi, uuid: string, expected: object) =>
  expect.poll(async () => (await get(api, uuid)).body, POLL).toMatchObject(expected);
const isUnknown = (api: TestApi, uuid: string) =>
  expect.poll(async () => (await get(api, uuid)).status, POLL).toBe(404);

async function candidate(uuid: string) {
  return writer.db.alert.findUniqueOrThrow({ where: { uuid }, select: { id: true, updatedAt: true } });
}

const claimed = async (alertId: bigint) => (await claimPicture(writer.db, alertId, 60_000)) ?? expect.unreachable();
const ready = (byte: number) => ({ sha256: Buffer.alloc(32, byte), width: 640, height: 360, bytes: 9 });

describe('a change by another process', () => {
  it('is visible: a retry', async () => {
    const { uuid } = await cachedAlert(reader, 'failed');
    await retryFailed(writer.db, [uuid]);
    await shows(reader, uuid, { status: 'pending', failure: null });
    expect((await get(reader, uuid)).headers.get('retry-after')).toBe('1');
  });

  it('is visible: a picture that is late, ready, lost, or none', async () => {
    const { uuid, pictureOf } = await cachedAlert(reader, 'processed');
    const first = await claimed(pictureOf);
    await pictureLater(writer.db, first, { delayMs: 0, failed: true, reason: 'video_timeout', detail: 'slow' }, 7);
    await shows(reader, uuid, { picture: { status: 'pending', reason: 'video_timeout', picture_bytes: 7 } });
    await cache(reader, uuid);
    await pictureReady(writer.db, first, ready(7), 1);
    await shows(reader, uuid, { picture: { status: 'ready', width: 640 } });
    await cache(reader, uuid);
    await recordLostFiles(writer.db, 'picture', ['07'.repeat(32)]);
    await shows(reader, uuid, { picture: { status: 'pending', reason: 'file_lost' } });
    await cache(reader, uuid);
    await pictureNone(writer.db, first, { reason: 'video_gone', detail: 'gone' }, 0);
    await shows(reader, uuid, { picture: { status: 'none', reason: 'video_gone' } });
  });

  it('is visible: a hold, its new reason, its release', async () => {
    const { uuid } = await cachedAlert(reader, 'failed');
    for (const reason of ['case 1', 'case 2']) {
      await send(writer, 'PUT', `/alerts/${uuid}/hold`, { reason }, manager);
      await shows(reader, uuid, { hold: { reason } });
      await cache(reader, uuid);
    }
    await send(writer, 'DELETE', `/alerts/${uuid}/hold`, undefined, manager);
    await shows(reader, uuid, { hold: null });
  });

  it('is visible: an assignment, a comment', async () => {
    const { uuid } = await cachedAlert(reader, 'failed');
    await send(writer, 'PATCH', `/alerts/${uuid}/triage`, { assignee: 'Kim' }, manager);
    await shows(reader, uuid, { triage: { assignee: 'Kim', comments: 0 } });
    await cache(reader, uuid);
    await send(writer, 'POST', `/alerts/${uuid}/comments`, { text: 'looking' }, manager);
    await shows(reader, uuid, { triage: { comments: 1 } });
  });

  it('is visible: DELETE, and another alert with the same uuid', async () => {
    const { uuid } = await cachedAlert(reader, 'failed');
    expect((await send(writer, 'DELETE', `/alerts/${uuid}`, undefined, manager)).status).toBe(204);
    await writer.post(newAlert({ uuid, store: 'other' }), manager);
    await shows(reader, uuid, { status: 'pending', store: 'other' });
  });

  it('is visible: the deletion by retention, and the restore from the archive', async () => {
    const [deleted, restored] = [await cachedAlert(reader, 'failed'), await cachedAlert(reader, 'processed')];
    await deleteFinished(writer.db, [await candidate(deleted.uuid)]);
    await isUnknown(reader, deleted.uuid);
    expect(await archiveAndRestore(writer.db, [restored.uuid])).toBe(1);
    await shows(reader, restored.uuid, { archived: true, picture: { reason: 'not_archived' } });
  });

  it('is visible at once before the notification: such alerts are not cached', async () => {
    const { uuid } = await finished('failed', { notified: false });
    for (let i = 0; i < 5; i += 1) expect((await get(reader, uuid)).body.notified_at).toBeNull();
    expect(reader.responses.find(uuid)).toBeUndefined();
    await markNotified(writer.db, { uuid, claim: 1 });
    expect((await get(reader, uuid)).body.notified_at).not.toBeNull();
  });
});

describe('with the default times', () => {
  it('no request that starts a second after a change gets the state before it', async () => {
    const api = await opened({ responseCache: {} });
    const hold = (uuid: string) => send(writer, 'PUT', `/alerts/${uuid}/hold`, { reason: 'case 5' }, manager);
    const changes: [Kind, (alert: { uuid: string; pictureOf: bigint }) => Promise<unknown>][] = [
      ['failed', ({ uuid }) => retryFailed(writer.db, [uuid])],
      ['failed', ({ uuid }) => hold(uuid)],
      ['failed', ({ uuid }) => send(writer, 'DELETE', `/alerts/${uuid}`, undefined, manager)],
      ['processed', async ({ pictureOf }) => pictureReady(writer.db, await claimed(pictureOf), ready(8), 1)],
      ['processed', ({ uuid }) => archiveAndRestore(writer.db, [uuid])],
      [
        'failed',
        ({ uuid }) => writer.db.alert.update({ where: { uuid }, data: { failureDetail: 'by any other write' } }),
      ],
    ];
    const staleFor = async ([kind, change]: (typeof changes)[number]) => {
      const alert = await cachedAlert(api, kind);
      const read = async () => (await raw(api, `/alerts/${alert.uuid}`)).text();
      const before = await read();
      await change(alert);
      const changedAt = performance.now();
      let [startedAt, text] = [changedAt, before];
      let lastStale = 0;
      while (text === before || startedAt - changedAt < 1_500) {
        startedAt = performance.now();
        text = await read();
        if (text === before) lastStale = startedAt - changedAt;
      }
      return lastStale;
    };
    expect(Math.max(...(await Promise.all(changes.map(staleFor))))).toBeLessThan(1_000);
  });
});

describe('a change that this process has made or seen is visible at once', () => {
  it.each([
    ['a hold', 'PUT', '/hold', { reason: 'case 3' }, { hold: { reason: 'case 3' } }],
    ['an assignment', 'PATCH', '/triage', { assignee: 'Kim' }, { triage: { assignee: 'Kim' } }],
    ['a comment', 'POST', '/comments', { text: 'looking' }, { triage: { comments: 1 } }],
    ['a retry', 'POST', '/retry', undefined, { status: 'pending' }],
  ] as const)('%s', async (_, method, path, body, expected) => {
    const api = await opened({ responseCache: NO_CHECKS });
    const { uuid } = await cachedAlert(api, 'failed');
    expect((await send(api, method, `/alerts/${uuid}${path}`, body, manager)).status).toBeLessThan(300);
    expect((await get(api, uuid)).body).toMatchObject(expected);
  });

  it('a retry by filter, the release of a hold, a deletion, an event', async () => {
    const api = await opened({ responseCache: NO_CHECKS });
    const store = randomUUID();
    const { uuid } = await cachedAlert(api, 'failed', { store });
    await send(api, 'POST', '/alerts/triage', { uuids: [uuid], assignee: 'Kim' }, manager);
    expect((await get(api, uuid)).body.triage.assignee).toBe('Kim');
    await cache(api, uuid);
    await send(api, 'POST', '/alerts/retry', { filter: { store }, max: 5, dry_run: false }, manager);
    expect((await get(api, uuid)).body.status).toBe('pending');
    const held = await finished('failed');
    await send(writer, 'PUT', `/alerts/${held.uuid}/hold`, { reason: 'case 4' }, manager);
    await cache(api, held.uuid);
    await send(api, 'DELETE', `/alerts/${held.uuid}/hold`, undefined, manager);
    expect((await get(api, held.uuid)).body.hold).toBeNull();
    await cache(api, held.uuid);
    await send(api, 'DELETE', `/alerts/${held.uuid}`, undefined, manager);
    expect((await get(api, held.uuid)).status).toBe(404);
    const seen = await cachedAlert(api, 'failed');
    await retryFailed(writer.db, [seen.uuid]);
    expect((await get(api, seen.uuid)).body.status).toBe('failed'); // nothing else drops it
    let position = { xid: 0n, id: 0n };
    const { signal } = new AbortController();
    await expect
      .poll(async () => {
        const step = await api.changeFeed.after(position, signal);
        if (step.kind !== 'advanced') return expect.unreachable();
        position = step.position;
        return step.changes.some(({ alert }) => alert.uuid === seen.uuid && alert.status === 'pending');
      }, POLL)
      .toBe(true);
    expect((await get(api, seen.uuid)).body.status).toBe('pending');
  });

  it('what a wait has returned', async () => {
    const api = await opened({ responseCache: NO_CHECKS });
    const { uuid } = await cachedAlert(api, 'failed');
    await retryFailed(writer.db, [uuid]);
    const { body, headers } = await get(api, uuid, { ...manager, prefer: 'wait=1' });
    expect([body.status, headers.get('preference-applied')]).toEqual(['pending', 'wait=1']);
    expect((await get(api, uuid)).body.status).toBe('pending');
  });
});

describe('the cache', () => {
  it('sends the same responses as without it, 304 and HEAD too', async () => {
    const { uuid } = await cachedAlert(reader, 'processed');
    const expected = await raw(writer, `/alerts/${uuid}`);
    const before = await hits(reader);
    const cached = await raw(reader, `/alerts/${uuid.toUpperCase()}`);
    expect([cached.status, await cached.text()]).toEqual([200, await expected.text()]);
    for (const name of ['etag', 'cache-control', 'content-type', 'content-length', 'retry-after']) {
      expect([name, cached.headers.get(name)]).toEqual([name, expected.headers.get(name)]);
    }
    expect((await raw(reader, `/alerts/${uuid}`, {}, 'HEAD')).status).toBe(200);
    // Not by fetch(), which adds Cache-Control: no-cache.
    const connection = new RawClient(Number(new URL(reader.url).port));
    onTestFinished(() => connection.close());
    const known = { ...manager, 'if-none-match': expected.headers.get('etag') ?? '' };
    const request = { method: 'GET', target: `/alerts/${uuid}`, headers: Object.entries(known), body: Buffer.alloc(0) };
    const unchanged = await connection.send(request);
    expect([unchanged.status, unchanged.headers.get('etag')]).toEqual([304, expected.headers.get('etag')]);
    expect((await hits(reader)) - before).toBe(3);
  });

  it('is not used for a request with Cache-Control: no-cache', async () => {
    const api = await opened({ responseCache: NO_CHECKS });
    const { uuid } = await cachedAlert(api, 'failed');
    await retryFailed(writer.db, [uuid]);
    expect((await get(api, uuid)).body.status).toBe('failed');
    expect((await get(api, uuid, { ...manager, 'cache-control': 'no-cache' })).body.status).toBe('pending');
  });

  it('shows a key only the alerts of its stores', async () => {
    const { uuid } = await cachedAlert(reader, 'failed', { store: 'station' });
    expect((await get(reader, uuid, harbour)).status).toBe(404);
    const own = await cachedAlert(reader, 'failed', { store: 'harbour' });
    expect((await get(reader, own.uuid, harbour)).status).toBe(200);
  });

  it('is not used while the database is unavailable', async () => {
    const proxy = await startTcpProxy(Number(new URL(writer.databaseUrl).port));
    onTestFinished(() => proxy.close());
    const databaseUrl = Object.assign(new URL(writer.databaseUrl), { port: `${proxy.port}` }).href;
    // Only their age drops the entries of the first api, only a failed check those of the second one.
    const aged = await opened({ databaseUrl, responseCache: { ...NO_CHECKS, validMs: 900 } });
    const checked = await opened({ databaseUrl, responseCache: ONLY_CHECKS });
    const { uuid } = await finished('failed');
    await Promise.all([cache(aged, uuid), cache(checked, uuid)]);
    await proxy.refuse();
    proxy.drop();
    for (const api of [aged, checked]) await expect.poll(async () => (await get(api, uuid)).status, POLL).toBe(503);
    await proxy.accept();
    for (const api of [aged, checked]) await cache(api, uuid);
  });

  it('is bounded, and drops what was not read for longest first', async () => {
    const api = await opened({ responseCache: { ...ONLY_CHECKS, maxBytes: 4_000 } });
    const [first, second] = [await cachedAlert(api, 'failed'), await cachedAlert(api, 'failed')];
    expect(api.responses.size.entries).toBe(2);
    await get(api, first.uuid);
    const third = await cachedAlert(api, 'failed');
    expect(api.responses.find(second.uuid)).toBeUndefined();
    expect(api.responses.find(first.uuid)).toBeDefined();
    expect(api.responses.find(third.uuid)).toBeDefined();
    expect(api.responses.size.bytes).toBeLessThanOrEqual(4_000);
  });

  it('drops what nobody reads', async () => {
    const api = await opened({ responseCache: { ...ONLY_CHECKS, unusedMs: 2_000 } });
    await cachedAlert(api, 'failed');
    await expect.poll(() => api.responses.size, POLL).toEqual({ entries: 0, bytes: 0 });
  });

  it('lets the audit log record every read', async () => {
    const api = await opened({ auditReads: 'all', responseCache: ONLY_CHECKS });
    const { uuid } = await cachedAlert(api, 'failed');
    const before = await hits(api);
    for (let i = 0; i < 4; i += 1) await get(api, uuid);
    expect((await hits(api)) - before).toBe(4);
    const recorded = async () => {
      const entries = (await send(api, 'GET', `/audit?target=${uuid}`, undefined, manager)).body.data;
      return entries
        .filter(({ action }: { action: string }) => action === 'alert.read')
        .reduce((sum: number, { details }: { details: { reads?: number } }) => sum + (details.reads ?? 1), 0);
    };
    await expect.poll(recorded, POLL).toBeGreaterThanOrEqual(6);
  });
});
