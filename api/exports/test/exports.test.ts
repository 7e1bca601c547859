import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '#prisma/audit.ts';
import type { StaleReads } from '#prisma/replica.ts';
import { authenticate } from '../../auth/client.ts';
import { problemHandler } from '../../http/problem.ts';
import { requestContext } from '../../http/request-context.ts';
import { keyClients } from '../../test/key-clients.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from '../../test/test-api.ts';
import { CSV_COLUMNS } from '../csv.ts';
import { exportRoutes, MAX_EXPORTS } from '../routes.ts';
import { type CsvRow, readCsv } from './read-csv.ts';

const { auth, client } = keyClients();
const reader = client('reader', ['read']);
const limited = client('limited', ['read'], ['Bern', 'Basel', 'empty']);
const writer = client('writer', ['write']);

let api: TestApi;
let copy: pg.Client;
beforeAll(async () => {
  api = await startTestApi({ auth });
  copy = new pg.Client({ connectionString: api.databaseUrl });
  await copy.connect();
  const stores = ['Bern', 'Basel', 'Zürich, "HB"'];
  // More than two pages, with several alerts at the same time.
  const data = Array.from({ length: 1_201 }, (_, n) => ({
    ...newAlert({ store: stores[n % 3], video: `/videos/yard-${n % 7}/gate_${n % 11}.avi` }),
    requestId: 'r',
    receivedAt: new Date(Date.parse('2026-11-20T06:00:00Z') + Math.floor(n / 4) * 1_000),
    ...(n % 10 === 0 && {
      status: 'failed' as const,
      failureCode: 'video_timeout' as const,
      failureDetail: 'line\nbreak',
    }),
  }));
  await api.db.alert.createMany({ data });
});
afterAll(async () => {
  await copy.end();
  await api.close();
});

const get = (path: string, headers: Record<string, string> = reader) => fetch(api.url + path, { headers });
async function exported(query: string, headers = reader): Promise<CsvRow[]> {
  const response = await get(`/alerts/export?${query}`, headers);
  expect(response.status).toBe(200);
  return readCsv(copy, await response.text());
}

/** Returns the uuids of all pages of the list. */
async function listed(query: string, headers = reader): Promise<string[]> {
  const uuids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = await json(await get(`/alerts?${query}&limit=200${more}`, headers));
    uuids.push(...page.data.map(({ uuid }: { uuid: string }) => uuid));
    cursor = page.next_cursor;
  }
  return uuids;
}

describe('GET /alerts/export', () => {
  it.each([
    ['', 1_201],
    ['store=Bern', 401],
    ['status=failed', 121],
    ['failure_code=video_timeout&store=Basel', 40],
    ['status=processed', 0],
    ['held=true', 0],
    ['from=2026-11-20T06:01:00Z&to=2026-11-20T06:02:00Z', 240],
    ['q=GATE_1.', 110],
    ['q=z%C3%BCri', 400],
    ['q=yard-3/gate', 172],
    ['q=yard-3', 0],
    ['q=bern&status=failed', 41],
  ])('?%s returns the same alerts as the list, in the same order', async (query, count) => {
    const rows = await exported(query);
    expect(rows).toHaveLength(count);
    expect(rows.map(({ uuid }) => uuid)).toEqual(await listed(query));
  });

  it('finds a uuid by its beginning, with and without hyphens', async () => {
    const [row] = await exported('store=Bern');
    const uuid = `${row?.uuid}`;
    for (const q of [uuid, uuid.replaceAll('-', ''), uuid.slice(0, 13).toUpperCase()]) {
      expect(
        (await exported(`q=${q}`)).map((each) => each.uuid),
        q,
      ).toContain(uuid);
    }
  });

  it('has only the stores of the key, newest first', async () => {
    const rows = await exported('', limited);
    expect(rows).toHaveLength(801);
    expect(rows.map(({ uuid }) => uuid)).toEqual(await listed('', limited));
    expect(await exported('store=Bern', limited)).toHaveLength(401);
    const found = await exported('q=gate_3', limited);
    expect(found).toHaveLength(73);
    expect(found.map(({ uuid }) => uuid)).toEqual(await listed('q=gate_3', limited));
    expect(await exported(`store=${encodeURIComponent('Zürich, "HB"')}`, limited)).toEqual([]);
  });

  it('needs the scope read and valid filters, and records who exported what', async () => {
    expect((await get('/alerts/export', {})).status).toBe(401);
    expect((await get('/alerts/export', writer)).status).toBe(403);
    for (const query of ['status=done', 'limit=10', 'cursor=x', 'bom=1']) {
      expect((await get(`/alerts/export?${query}`)).status, query).toBe(422);
    }
    expect((await fetch(`${api.url}/alerts/export`, { method: 'POST', headers: reader })).headers.get('allow')).toBe(
      'HEAD, GET',
    );
    await exported('store=Bern', limited);
    const [entry] = await listAudit(api.db, { action: 'alerts.exported' }, { limit: 1 });
    expect(entry).toMatchObject({ actor: 'id-limited', actorName: 'limited', details: { query: { store: 'Bern' } } });
    await expect
      .poll(() => api.logged, POLL)
      .toContainEqual(expect.objectContaining({ msg: 'export sent', rows: 401 }));
  });

  it('HEAD returns the headers only', async () => {
    const response = await fetch(`${api.url}/alerts/export`, { method: 'HEAD', headers: reader });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="alerts-\d{4}-\d\d-\d\d\.csv"$/);
    expect(await response.text()).toBe('');
  });

  it('begins with a byte order mark if it is requested', async () => {
    const bytes = async (query: string) => Buffer.from(await (await get(`/alerts/export?${query}`)).arrayBuffer());
    expect((await bytes('store=none&bom=true')).toString('hex')).toMatch(/^efbbbf75756964/);
    expect((await bytes('store=none')).toString()).toBe(`${CSV_COLUMNS.join(',')}\r\n`);
  });

  it('quotes texts, neutralizes formulas and keeps numbers', async () => {
    const details = [
      '=1+1',
      '+1',
      '-1',
      '@SUM(A1)',
      '\tx',
      '\rx',
      '\nx',
      '＝1',
      '"quoted", and\r\nmore',
      ' ',
      "'",
      'a=1',
      'ü😀',
    ];
    const store = 'formulas';
    const data = details.map((failureDetail, n) => ({
      ...newAlert({ store, camera: failureDetail.trim() || null, timestamp: n + 0.25 }),
      ...{ status: 'failed' as const, failureCode: 'video_timeout' as const, failureDetail },
      ...{ requestId: 'r', receivedAt: new Date(Date.parse('2026-11-21T00:00:00Z') - n), rotation: -90 },
    }));
    await api.db.alert.createMany({ data });
    const rows = await exported(`store=${store}`);
    const dangerous = /^[=+\-@\t\r\n＝]/;
    expect(rows.map((row) => row.failure_detail)).toEqual(
      details.map((text) => (dangerous.test(text) ? `'${text}` : text)),
    );
    for (const cell of rows.flatMap((row) => [row.store, row.camera, row.failure_detail]))
      expect(`${cell}`).not.toMatch(dangerous);
    expect(rows.map((row) => row.timestamp)).toEqual(details.map((_, n) => String(n + 0.25)));
    expect(rows[0]).toMatchObject({ rotation: '-90', attempts: '0', duration: null, archived: 'false' });
  });
});

/** Starts only this route, with these reads. */
async function serve(reads: StaleReads): Promise<{ url: string; log: Record<string, unknown>[]; server: Server }> {
  const log: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line) => log.push(JSON.parse(line)) });
  const app = express().use(requestContext(logger), authenticate('off'));
  app.use(exportRoutes({ db: api.db, staleReads: reads }), problemHandler);
  const server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo; // listening on TCP
  return { url: `http://127.0.0.1:${port}/alerts/export`, log, server };
}

describe('an export', () => {
  it('that fails closes the connection before the end of the file', async () => {
    let reads = 0;
    const { url, log, server } = await serve(async (read) => {
      reads += 1;
      // The second page.
      if (reads === 3) await copy.query('ALTER TABLE alerts RENAME TO moved');
      return read(api.db);
    });
    const response = await fetch(url);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
    await copy.query('ALTER TABLE moved RENAME TO alerts');
    await expect.poll(() => log, POLL).toContainEqual(expect.objectContaining({ msg: 'request failed', level: 50 }));
    server.close();
  });

  it('that cannot begin is a problem', async () => {
    const { url, server } = await serve(async (read) => {
      await copy.query('ALTER TABLE alerts RENAME TO moved');
      return read(api.db).finally(() => copy.query('ALTER TABLE moved RENAME TO alerts'));
    });
    expect((await fetch(url)).status).toBe(500);
    expect((await fetch(url)).status).toBe(500);
    server.close();
  });

  it('is one of a few; a client that disconnects makes place for another one', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    let waiting = 0;
    const { url, log, server } = await serve(async (read) => {
      waiting += 1;
      await opened;
      return read(api.db);
    });
    const leaving = new AbortController();
    const responses = Array.from({ length: MAX_EXPORTS }, (_, n) =>
      fetch(url, n === 0 ? { signal: leaving.signal } : {}),
    );
    await expect.poll(() => waiting, POLL).toBe(MAX_EXPORTS);
    const rejected = await fetch(url);
    expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([429, '10']);
    expect((await json(rejected)).type).toBe('/problems/too-many-exports');
    leaving.abort();
    await expect(responses[0]).rejects.toThrow();
    open();
    for (const response of responses.slice(1)) {
      expect((await (await response)?.text())?.match(/\r\n/g)?.length).toBeGreaterThan(1_201);
    }
    await expect.poll(() => log.filter(({ msg }) => String(msg).startsWith('export')).length, POLL).toBe(MAX_EXPORTS);
    expect(log).toContainEqual(expect.objectContaining({ msg: 'export aborted by the client' }));
    expect((await fetch(`${url}?q=${randomUUID()}`)).status).toBe(200);
    server.close();
  });
});
