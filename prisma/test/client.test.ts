import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type Database, openDatabase } from '../client.ts';
import { DatabaseError, DatabaseUnavailable } from '../errors.ts';
import { assertReady, checkDatabase, checkMigrations, waitUntilReady } from '../readiness.ts';

const PASSWORD = 's3cret';
const VALUE = 'v4lue connection error';

let database: TestDatabase;
let lost: Error[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  lost = [];
});

function open(url = database.url, poolSize = 1): Database {
  const db = openDatabase(url, { poolSize, onError: (error) => lost.push(error) });
  onTestFinished(() => db.$disconnect());
  return db;
}

/** The error of a query that must fail, and how long it took. */
async function failureOf(query: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const start = performance.now();
  const error = await query.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { error, ms: performance.now() - start };
}

/** A server that accepts connections and never says a word. */
async function startSilentServer(): Promise<string> {
  const server = createServer();
  const sockets = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return `postgres://alerts:${PASSWORD}@127.0.0.1:${port}/alerts`;
}

/** Cuts the connections to the test's database whose query looks like this. */
async function cut(query: string): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE $1`;
  const { rowCount } = await client.query(sql, [query]).finally(() => client.end());
  return rowCount ?? 0;
}

const QUERIES: [string, (db: Database) => Promise<unknown>][] = [
  ['a query of a model', (db) => db.alert.count()],
  ['a raw query', (db) => db.$queryRaw`SELECT 1`],
  ['a raw statement', (db) => db.$executeRaw`UPDATE alerts SET store = ${VALUE} WHERE false`],
];

describe('a database that is away', () => {
  it.each(QUERIES)('is told as such of %s, without the password', async (_, query) => {
    const { error } = await failureOf(query(open(`postgres://alerts:${PASSWORD}@127.0.0.1:1/alerts`)));
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  });

  it.each(QUERIES)('and does not even refuse is told as such of %s within its time limit', async (_, query) => {
    const { error, ms } = await failureOf(query(open(await startSilentServer())));
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(ms).toBeLessThan(5_000);
  });

  it('in mid-query is told as such, and the next query works again', async () => {
    const db = open();
    const query = failureOf(db.$queryRaw`SELECT pg_sleep(20)::text`);
    await expect.poll(() => cut('%pg_sleep(20)%'), { timeout: 5_000 }).toBe(1);
    expect((await query).error).toBeInstanceOf(DatabaseUnavailable);
    expect(await db.alert.count()).toBe(0);
  });

  it('between queries is told to onError without the connection, and the next query works', async () => {
    const db = open();
    await db.$queryRaw`SELECT 'idle one'`;
    expect(await cut(`%'idle one'%`)).toBe(1);
    await expect.poll(() => lost).toHaveLength(1);
    expect(lost[0]).toBeInstanceOf(DatabaseUnavailable);
    expect(Object.keys(lost[0] ?? {})).not.toContain('client');
    expect(await db.alert.count()).toBe(0);
  });

  it('for a pool whose connections are all busy is told as such within its time limit', async () => {
    const db = open();
    const busy = failureOf(db.$queryRaw`SELECT pg_sleep(21)::text`);
    const { error, ms } = await failureOf(db.alert.count());
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(ms).toBeLessThan(5_000);
    await cut('%pg_sleep(21)%');
    await busy;
  });

  it('in the middle of an answer is told as such within 10 s, and that connection is not used again', async () => {
    const db = open();
    const { error, ms } = await failureOf(db.$queryRaw`SELECT pg_sleep(22)::text`);
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(ms).toBeLessThan(12_000);
    const next = await failureOf(db.$queryRaw`SELECT 1`);
    expect(next).toMatchObject({ error: undefined });
    expect(next.ms).toBeLessThan(2_000);
    await cut('%pg_sleep(22)%');
  });

  it('for a name that it does not have, or a user it does not know, is told as such', async () => {
    const url = new URL(database.url);
    url.pathname = '/nowhere';
    expect((await failureOf(open(url.href).$queryRaw`SELECT 1`)).error).toBeInstanceOf(DatabaseUnavailable);
    url.username = 'nobody';
    expect((await failureOf(open(url.href).alert.count())).error).toBeInstanceOf(DatabaseUnavailable);
  });
});

const FAULTS: [string, string, (db: Database) => Promise<unknown>][] = [
  ['a value of the wrong type', '22P02', (db) => db.alert.findUnique({ where: { uuid: VALUE } })],
  ['such a value in a raw query', '22P02', (db) => db.$queryRaw`SELECT ${`line\n${VALUE}`}::int`],
  ['a NUL character', '22021', (db) => db.alert.count({ where: { store: `${VALUE}\0` } })],
  ['a table that is not there', '42P01', (db) => db.$queryRaw`SELECT ${VALUE} FROM nowhere`],
  ['a second row of one uuid', '23505', addTwice],
  ['what Prisma itself refuses', 'unknown', (db) => db.alert.findMany({ take: Number.NaN, where: { store: VALUE } })],
];

async function addTwice(db: Database): Promise<void> {
  const data = {
    uuid: '0199d2a1-0000-7000-8000-000000000000',
    video: VALUE,
    store: VALUE,
    timestamp: 1,
    requestId: 'r',
  };
  await db.alert.create({ data });
  await db.alert.create({ data });
}

describe('a query that the database refuses', () => {
  it.each(FAULTS)('for %s has the code %s, and tells no value', async (_, code, query) => {
    const { error } = await failureOf(query(open()));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ code, cause: expect.any(Error) });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('v4lue');
  });
});

describe('readiness', () => {
  it('is silent on a database that has exactly the migrations known here', async () => {
    const db = open();
    await expect(assertReady(db)).resolves.toBeUndefined();
    expect([await checkDatabase(db), await checkMigrations(db)]).toEqual([undefined, undefined]);
  });

  it('says of an empty database that the migrations are missing, and what to run', async () => {
    const empty = await createTestDatabase({ empty: true });
    onTestFinished(empty.drop);
    const db = open(empty.url);
    await expect(assertReady(db)).rejects.toThrow(/^the database lacks the migrations? .+: run `npm run migrate`$/);
    expect(await checkDatabase(db)).toBeUndefined();
    expect(await checkMigrations(db)).toContain('lacks the migration');
    await expect(waitUntilReady(db, () => {})).rejects.toThrow('lacks the migration');
  });

  it('says of a database that is away just that', async () => {
    const db = open('postgres://alerts@127.0.0.1:1/alerts');
    expect(await checkDatabase(db)).toBe('the database does not answer');
    expect(await checkMigrations(db)).toBeUndefined();
  });

  it('is waited for while the database is away, until told to stop', async () => {
    const stop = new AbortController();
    const waits: Error[] = [];
    const waiting = waitUntilReady(
      open('postgres://alerts@127.0.0.1:1/alerts'),
      (error) => waits.push(error) === 2 && stop.abort(),
      stop.signal,
    );
    await expect(waiting).rejects.toThrow('aborted');
    expect(waits).toEqual([expect.any(DatabaseUnavailable), expect.any(DatabaseUnavailable)]);
  });
});
