import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readFeedBounds } from '#prisma/change-feed.ts';
import { ChangeFeed } from '../alerts/change-feed.ts';
import { eventRoutes } from '../alerts/event-stream.ts';
import { authenticate, type Client, unauthorized } from '../auth/client.ts';
import { LongPollSlots } from '../http/long-poll-slots.ts';
import { requestContext } from '../http/request-context.ts';
import { type EventReader, openEvents } from './event-reader.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

// Slow, filtered and disconnected readers, revoked keys. events.test.ts tests the content of streams.
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
  await expect.poll(() => reader.lastId(), POLL).toBeTruthy();
  return reader;
}

async function postAlert(changes: Record<string, unknown> = {}): Promise<string> {
  const alert = newAlert(changes);
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

describe('a stream of events', () => {
  it('buffers at most one page for a reader that pauses, and then sends everything', async () => {
    const app = express().use(requestContext(pino({ level: 'silent' })), authenticate('off'));
    const own = createServer(
      app.use(
        eventRoutes({ ...api, auth: 'off', longPollSlots: new LongPollSlots(2) }, { pingMs: 60_000, drainMs: 60_000 }),
      ),
    ).listen(0);
    const served = new Promise<Socket>((resolve) => own.once('connection', resolve));
    const reader = connect((own.address() as AddressInfo).port); // listening on TCP
    const store = 'slow-reader';
    reader.write(`GET /alerts/events?store=${store} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await new Promise((resolve) => reader.once('readable', resolve));
    // 21 MB of events: far more than the buffers of both sockets.
    await api.db.$executeRaw`INSERT INTO alerts (uuid, video, store, timestamp, request_id)
      SELECT gen_random_uuid(), '/v/a.mp4', ${store}, 1, 'r' FROM generate_series(1, 30000)`;
    const socket = await served;
    // A transaction of another test may hold back the feed for as long as it fills a table, and `live` starts before it.
    await expect.poll(() => socket.writableNeedDrain, { timeout: 150_000, interval: 50 }).toBeTruthy();
    const live = await openEvents(`${api.url}/alerts/events?store=${store}`);
    const last = await postAlert({ store });
    expect((await live.next()).data.uuid).toBe(last);
    // One page of events.
    expect(socket.writableLength).toBeLessThan(600_000);
    let text = '';
    reader.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    await expect.poll(() => text.slice(-2_000).includes(last), POLL).toBeTruthy();
    expect(text.match(/^event: /gm)).toHaveLength(30_001);
    live.close();
    reader.destroy();
    own.close();
  }, 180_000);
});

describe('an open stream', () => {
  let key: Client | Error = new Error('key not set');
  let beforeAuth = async () => {};
  const auth = {
    async clientOf() {
      await beforeAuth();
      if (key instanceof Error) throw key;
      return key;
    },
  };

  /** Starts a server that pings and disconnects slow readers after a short time. */
  async function startFastServer({ pingMs = 50, changeFeed = api.changeFeed } = {}) {
    const app = express().use(requestContext(pino({ level: 'silent' })), authenticate(auth));
    app.use(eventRoutes({ ...api, changeFeed, auth, longPollSlots: new LongPollSlots(2) }, { pingMs, drainMs: 200 }));
    const server = createServer(app).listen(0);
    const { port } = server.address() as AddressInfo; // listening on TCP
    const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
    return { url: `http://127.0.0.1:${port}/alerts/events`, port, connections, close: () => server.close() };
  }

  it('pings with the current position, also after changes that its filter skips', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const own = await startFastServer();
    const reader = await openEvents(`${own.url}?store=nowhere`);
    readers.push(reader);
    await expect.poll(() => reader.text().includes('event: ping\n'), POLL).toBeTruthy();
    const before = reader.lastId();
    await postAlert();
    await expect.poll(() => reader.lastId() !== before, POLL).toBeTruthy();
    expect(reader.text()).not.toContain('event: alert');
    own.close();
  });

  it('sends only the stores of its key, and ends when the key is revoked', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: ['harbour'] };
    const own = await startFastServer();
    const reader = await openEvents(own.url);
    readers.push(reader);
    await expect.poll(() => reader.lastId(), POLL).toBeTruthy();
    await postAlert({ store: 'station' });
    const uuid = await postAlert({ store: 'harbour' });
    expect((await reader.next()).data.uuid).toBe(uuid);
    key = unauthorized('The key was revoked.');
    await reader.ended;
    own.close();
  });

  it('sends no change that happens after its key was revoked', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const own = await startFastServer({ pingMs: 60_000 });
    const reader = await openEvents(own.url);
    readers.push(reader);
    await expect.poll(() => reader.lastId(), POLL).toBeTruthy();
    key = unauthorized('The key was revoked.');
    await postAlert();
    await reader.ended;
    expect(reader.text()).not.toContain('data:');
    own.close();
  });

  it('does not start if the client disconnected before', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const signals: AbortSignal[] = [];
    class WatchedFeed extends ChangeFeed {
      override after(...args: Parameters<ChangeFeed['after']>) {
        signals.push(args[1]);
        return super.after(...args);
      }
    }
    const changes = new WatchedFeed(api.db, pino({ level: 'silent' }));
    const own = await startFastServer({ changeFeed: changes });
    const authentication = Promise.withResolvers<void>();
    const authenticating = new Promise<void>((resolve) => {
      beforeAuth = () => {
        resolve();
        return authentication.promise;
      };
    });
    const socket = connect(own.port);
    socket.write('GET /alerts/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await authenticating;
    socket.destroy();
    await expect.poll(async () => (await own.connections()) === 0, POLL).toBeTruthy();
    authentication.resolve();
    beforeAuth = async () => {};
    // A later stream: by now the first one would have started, too.
    const reader = await openEvents(own.url);
    readers.push(reader);
    await expect.poll(() => signals.length > 0, POLL).toBeTruthy();
    expect(signals).toHaveLength(1);
    changes.close();
    own.close();
  });

  it('is closed when its client reads nothing', async () => {
    key = { id: 'k', name: 'k', scopes: new Set(['read']), stores: undefined };
    const own = await startFastServer();
    const socket = connect(own.port);
    socket.write(`GET /alerts/events?last_event_id=0.0 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await new Promise((resolve) => socket.once('readable', resolve));
    await new Promise((resolve) => own.close().once('close', resolve));
    socket.destroy();
  });
});

describe('the change feed', () => {
  it('shares one query between all waiters, and sends none without waiters', async () => {
    let queries = 0;
    const counting = api.db.$extends({
      query: {
        $queryRaw({ args, query }) {
          queries += 1;
          return query(args);
        },
      },
    }) as unknown as TestApi['db']; // the same client with a counter; its type names the extension
    const feed = new ChangeFeed(counting, pino({ level: 'silent' }));
    const aborter = new AbortController();
    const { now: position } = await readFeedBounds(api.db);
    const waits = Array.from({ length: 50 }, () => feed.after(position, aborter.signal));
    await expect.poll(() => queries >= 53, POLL).toBeTruthy();
    // One query per waiter at its start, since then one for all of them; another one may be in flight.
    expect(queries).toBeLessThan(60);
    aborter.abort();
    expect(new Set((await Promise.all(waits)).map(({ kind }) => kind))).toEqual(new Set(['closed']));
    const before = queries;
    // Five times the interval between two queries.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(queries).toBeLessThanOrEqual(before + 1);
    feed.close();
  });
});

describe('the shutdown of a process', () => {
  it('ends streams after a complete event', async () => {
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

describe('too many streams', () => {
  it('are rejected with 429 until one is closed', async () => {
    const own = await startTestApi({ maxHeld: 2, databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const [first] = [await open(own), await open(own)];
    const rejected = await fetch(`${own.url}/alerts/events`);
    expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await json(rejected)).toMatchObject({ type: '/problems/too-many-held', status: 429 });
    first.close();
    const response = await vi.waitFor(async () => {
      const next = await fetch(`${own.url}/alerts/events`);
      expect(next.status).toBe(200);
      return next;
    }, POLL);
    await response.body?.cancel();
    await own.close();
  });
});
