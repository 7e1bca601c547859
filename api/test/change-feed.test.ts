import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type FeedPosition, readFeedBounds } from '#prisma/change-feed.ts';
import { ChangeFeed, type FeedStep } from '../alerts/change-feed.ts';
import { newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

// Which reader gets which changes. events.test.ts tests what streams send.
let api: TestApi;
let aborter = new AbortController();
beforeAll(async () => {
  api = await startTestApi();
});
afterEach(() => {
  aborter.abort();
  aborter = new AbortController();
});
afterAll(() => api.close());

// A position that no transaction of this server reaches: what a client has after a restore into another server.
const BEYOND = { xid: 2n ** 62n, id: 0n };

function openFeed(db = api.db): ChangeFeed {
  const feed = new ChangeFeed(db, pino({ level: 'silent' }));
  onTestFinished(() => feed.close());
  return feed;
}

const nowOf = async () => (await readFeedBounds(api.db)).now;

async function postAlert(): Promise<string> {
  const alert = newAlert();
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

/** Reads until the alert has appeared. Returns the uuids of all changes so far. */
async function readUntil(feed: ChangeFeed, start: FeedPosition, uuid: string): Promise<string[]> {
  const seen: string[] = [];
  for (let position = start; !seen.includes(uuid); ) {
    const step = await feed.after(position, aborter.signal);
    if (step.kind !== 'advanced') throw new Error(step.kind);
    seen.push(...step.changes.map(({ alert }) => alert.uuid));
    position = step.position;
  }
  return seen;
}

type Db = TestApi['db'];

/** Returns the same client; its `$queryRaw` passes each result to `intercept` before it returns it. */
function intercepted(intercept: (values: unknown[]) => Promise<void>): Db {
  return api.db.$extends({
    query: {
      async $queryRaw({ args, query }) {
        const rows = await query(args);
        await intercept(args.values);
        return rows;
      },
    },
  }) as unknown as Db; // the same client with an extension, which its type names
}

it('a reader after the end of the feed learns so, and delays no other reader', async () => {
  const feed = openFeed();
  const unknown = feed.after(BEYOND, aborter.signal);
  const now = await nowOf();
  const uuid = await postAlert();
  expect(await readUntil(feed, now, uuid)).toEqual([uuid]);
  expect(await unknown).toEqual({ kind: 'unknown-position', now: expect.objectContaining({ id: 0n }) });
});

it('waiting readers learn that the database was replaced by one with lower transaction ids', async () => {
  const horizon = { xmin: `${BEYOND.xid}`, xmax: `${BEYOND.xid}` };
  let queries = 0;
  let replaced = false;
  const feed = openFeed(
    api.db.$extends({
      query: {
        async $queryRaw({ args, query }) {
          const rows = (await query(args)) as Record<string, unknown>[];
          queries += 1;
          return replaced ? rows : rows.map((row) => ({ ...row, ...horizon }));
        },
      },
    }) as unknown as Db, // as above
  );
  const steps = [1, 2].map(() => feed.after(BEYOND, aborter.signal));
  await expect.poll(() => queries, POLL).toBeGreaterThan(3);
  replaced = true;
  for (const step of steps) expect((await step).kind).toBe('unknown-position');
  // Streams of the new database continue.
  const now = await nowOf();
  const uuid = await postAlert();
  expect(await readUntil(feed, now, uuid)).toEqual([uuid]);
});

it('a reader whose own query overlaps with polls misses nothing', async () => {
  const now = await nowOf();
  const behind = { xid: now.xid - 1n, id: 2n ** 60n };
  const queried = Promise.withResolvers<void>();
  const mayReturn = Promise.withResolvers<void>();
  const feed = openFeed(
    intercepted(async (values) => {
      if (!values.includes(behind.xid.toString())) return;
      queried.resolve();
      await mayReturn.promise;
    }),
  );
  const live = feed.after(now, aborter.signal);
  const pollStarted = async () => (await Promise.race([live, undefined])) === undefined;
  await expect.poll(pollStarted, POLL).toBe(true);
  const late = feed.after(behind, aborter.signal);
  await queried.promise;
  // The late reader's query has found nothing, but its result is still on its way.
  const first = await postAlert();
  const step = await live;
  expect(uuidsOf(step)).toEqual([first]);
  if (step.kind !== 'advanced') throw new Error(step.kind);
  const next = feed.after(step.position, aborter.signal);
  const second = await postAlert();
  expect(uuidsOf(await next)).toEqual([second]);
  mayReturn.resolve();
  expect(uuidsOf(await late)).toEqual([first, second]);
});

function uuidsOf(step: FeedStep): string[] {
  return step.kind === 'advanced' ? step.changes.map(({ alert }) => alert.uuid) : [];
}

it('reads of readers that are behind take turns', async () => {
  let running = 0;
  let most = 0;
  const counting = api.db.$extends({
    query: {
      async $queryRaw({ args, query }) {
        running += 1;
        most = Math.max(most, running);
        return query(args).finally(() => {
          running -= 1;
        });
      },
    },
  }) as unknown as Db; // as above
  await postAlert();
  const feed = openFeed(counting);
  const steps = await Promise.all(
    Array.from({ length: 20 }, () => feed.after({ xid: 0n, id: 0n }, aborter.signal, { stores: ['unknown'] })),
  );
  expect(most).toBe(1);
  for (const step of steps) expect(step).toMatchObject({ kind: 'advanced', changes: [] });
});
