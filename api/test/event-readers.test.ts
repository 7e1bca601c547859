import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChangeFeed } from '../alerts/change-feed.ts';
import { eventRoutes } from '../alerts/event-stream.ts';
import { authenticate, type Client, unauthorized } from '../auth/client.ts';
import { LongPollSlots } from '../http/long-poll-slots.ts';
import { requestContext } from '../http/request-context.ts';
import { type EventReader, openEvents } from './event-reader.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// How a stream treats its reader; what it tells is another file's matter.
let api: TestApi;
const readers: EventReader[] = [];
beforeAll(async () => {
  api = await startTestApi();
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
});
afterAll(() => api.close());

async function open(at: TestApi): Promise<EventReader> {
  const reader = await openEvents(`${at.url}/alerts/events`);
  readers.push(reader);
  await eventually(async () => reader.lastId() || undefined);
  return reader;
}

async function posted(changes: Record<string, unknown> = {}): Promise<string> {
  const alert = newAlert(changes);
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

describe('a stream of events', () => {
  it('that nobody reads is held within bounds, and misses nothing when it is read again', async () => {
    const app = express().use(requestContext(pino({ level: 'silent' })), authenticate('off'));
    const own = createServer(
      app.use(
        eventRoutes({ ...api, auth: 'off', longPollSlots: new LongPollSlots(2) }, { pingMs: 60_000, drainMs: 60_000 }),
      ),
    ).listen(0);
    const served = new Promise<Socket>((resolve) => own.once('connection', resolve));
    const reader = connect((own.address() as AddressInfo).port); // listening on TCP
    const store = 'slow-reader';
    reader.write(`GET /alerts/events?store=${store} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => reader.once('readable', resolve));
    // 21 MB of events: far more than the sockets of both ends take.
    await api.db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id)
      SELECT gen_random_uuid(), '/v/a.mp4', ${store}, 1, 'r' FROM generate_series(1, 30000)`;
    const live = await openEvents(`${api.url}/alerts/events?store=${store}`);
    const socket = await served;
    await eventually(async () => socket.writableNeedDrain || undefined);
    const last = await posted({ store });
    expect((await live.next()).data.uuid).toBe(last);
    // One page of events.
    expect(socket.writableLength).toBeLessThan(600_000);
    let text = '';
    reader.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    await eventually(async () => text.slice(-2_000).includes(last) || undefined);
    expect(text.match(/^event: /gm)).toHaveLength(30_001);
    live.close();
    reader.destroy();
    own.close();
  });
});

describe('an open stream', () => {
  const lacks = new Error('not asked');
  let key: Client | Error = lacks;
  let hold = async () => {};
  const auth = {
    async clientOf() {
      await hold();
      if (key instanceof Error) throw key;
      return key;
    },
  };

  /** A server that pings, and cuts off slow readers, at once. */
  async function impatient({ pingMs = 50, changeFeed = api.changeFeed } = {}) {
    const app = express().use(requestContext(pino({ level: 'silent' })), authenticate(auth));
    app.use(eventRoutes({ ...api, changeFeed, auth, longPollSlots: new LongPollSlots(2) }, { pingMs, drainMs: 200 }));
    const server = createServer(app).listen(0);
    const { port } = server.address() as AddressInfo; // listening on TCP
    const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
    return { url: `http://127.0.0.1:${port}/alerts/events`, port, connections, close: () => server.close() };
  }

  it('shows that it lives, and the place behind what its filter has left out', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const own = await impatient();
    const reader = await openEvents(`${own.url}?store=nowhere`);
    readers.push(reader);
    await eventually(async () => reader.text().includes(': ping\n') || undefined);
    const before = reader.lastId();
    await posted();
    await eventually(async () => reader.lastId() !== before || undefined);
    expect(reader.text()).not.toContain('data:');
    own.close();
  });

  it('of some stores tells these alone, and ends with its key', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: ['harbour'] };
    const own = await impatient();
    const reader = await openEvents(own.url);
    readers.push(reader);
    await eventually(async () => reader.lastId() || undefined);
    await posted({ store: 'station' });
    const uuid = await posted({ store: 'harbour' });
    expect((await reader.next()).data.uuid).toBe(uuid);
    key = unauthorized('The key was revoked.');
    await reader.ended;
    own.close();
  });

  it('tells nothing that happens after its key has gone', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const own = await impatient({ pingMs: 60_000 });
    const reader = await openEvents(own.url);
    readers.push(reader);
    await eventually(async () => reader.lastId() || undefined);
    key = unauthorized('The key was revoked.');
    await posted();
    await reader.ended;
    expect(reader.text()).not.toContain('data:');
    own.close();
  });

  it('is none where its reader has left before it began', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const signals: AbortSignal[] = [];
    class Watched extends ChangeFeed {
      override after(...asked: Parameters<ChangeFeed['after']>) {
        signals.push(asked[1]);
        return super.after(...asked);
      }
    }
    const changes = new Watched(api.db, pino({ level: 'silent' }));
    const own = await impatient({ changeFeed: changes });
    const ask = Promise.withResolvers<void>();
    const asked = new Promise<void>((resolve) => {
      hold = () => {
        resolve();
        return ask.promise;
      };
    });
    const left = connect(own.port);
    left.write('GET /alerts/events HTTP/1.1\r\nHost: x\r\n\r\n');
    await asked;
    left.destroy();
    await eventually(async () => (await own.connections()) === 0 || undefined);
    ask.resolve();
    hold = async () => {};
    // Behind it: whatever it began, it has begun.
    const reader = await openEvents(own.url);
    readers.push(reader);
    await eventually(async () => signals.length > 0 || undefined);
    expect(signals).toHaveLength(1);
    changes.close();
    own.close();
  });

  it('is cut off when its reader takes nothing', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const own = await impatient();
    const socket = connect(own.port);
    socket.write(`GET /alerts/events?last_event_id=0.0 HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => socket.once('readable', resolve));
    const cut = new Promise((resolve) => own.close().once('close', resolve));
    await cut;
    socket.destroy();
  });
});

describe('the feed of changes', () => {
  it('asks the database once for all who wait, and nothing while nobody does', async () => {
    let asked = 0;
    const counting = api.db.$extends({
      query: {
        $queryRaw({ args, query }) {
          asked += 1;
          return query(args);
        },
      },
    }) as unknown as TestApi['db']; // the same client with something in between; its type names the extension
    const feed = new ChangeFeed(counting, pino({ level: 'silent' }));
    const gone = new AbortController();
    const place = { changed: 2n ** 63n, id: 0n };
    const waits = Array.from({ length: 50 }, () => feed.after(place, gone.signal));
    await eventually(async () => asked >= 53 || undefined);
    // Each once as it came, and since then one query for all; another may be under way.
    expect(asked).toBeLessThan(60);
    gone.abort();
    expect((await Promise.all(waits)).flat()).toEqual([]);
    const before = asked;
    // What does not happen can only be waited for: five times the time between two queries.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(asked).toBeLessThanOrEqual(before + 1);
    feed.close();
  });
});

describe('the end of a process', () => {
  it('ends its streams in order', async () => {
    const own = await startTestApi({ databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const reader = await open(own);
    own.changeFeed.close();
    await reader.ended;
    const late = await open(own);
    await late.ended;
    expect(late.text()).toMatch(/^retry: 3000\nid: \d+\.0\n\n$/);
    await own.close();
  });
});

describe('more streams than allowed', () => {
  it('are refused with 429, until one is closed', async () => {
    const own = await startTestApi({ maxHeld: 2, databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const [first] = [await open(own), await open(own)];
    const refused = await fetch(`${own.url}/alerts/events`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await json(refused)).toMatchObject({ type: '/problems/too-many-held', status: 429 });
    first.close();
    const answer = await eventually(async () => {
      const next = await fetch(`${own.url}/alerts/events`);
      return next.status === 200 ? next : undefined;
    });
    await answer.body?.cancel();
    await own.close();
  });
});
