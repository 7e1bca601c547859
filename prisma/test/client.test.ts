import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { type Database, openDatabase } from '../client.ts';
import { DatabaseError, DatabaseUnavailable } from '../errors.ts';
import { assertReady, checkDatabase, checkMigrations, databaseChecks, waitUntilReady } from '../readiness.ts';

const PASSWORD = 's3cret';
const VALUE = 'v4lue connection error';

let database: TestDatabase;
let lostConnections: Error[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  lostConnections = [];
});

function open(url = database.url, poolSize = 1): Database {
  const db = openDatabase(url, { poolSize, onError: (error) => lostConnections.push(error) });
  onTestFinished(() => db.$disconnect());
  return db;
}

/** Returns the error of a query, or undefined. A query without a time limit fails the test by the test's timeout. */
function errorOf(query: Promise<unknown>): Promise<unknown> {
  return query.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Starts a server that accepts connections and never responds. */
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

/** Terminates the connections to the test's database whose last query matches. */
async function terminate(query: string): Promise<number> {
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

describe('an unavailable database', () => {
  it.each(QUERIES)('throws DatabaseUnavailable from %s, without the password', async (_, query) => {
    const error = await errorOf(query(open(`postgres://alerts:${PASSWORD}@127.0.0.1:1/alerts`)));
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  });

  it.each(QUERIES)(
    'that accepts connections and never responds throws DatabaseUnavailable from %s within its time limit',
    async (_, query) => {
      expect(await errorOf(query(open(await startSilentServer())))).toBeInstanceOf(DatabaseUnavailable);
    },
  );

  it('throws DatabaseUnavailable in the middle of a query, and the next query works', async () => {
    const db = open();
    const query = errorOf(db.$queryRaw`SELECT pg_sleep(20)::text`);
    await expect.poll(() => terminate('%pg_sleep(20)%'), { timeout: 150_000 }).toBe(1);
    expect(await query).toBeInstanceOf(DatabaseUnavailable);
    expect(await db.alert.count()).toBe(0);
  });

  it('calls onError without the connection between queries, and the next query works', async () => {
    const db = open();
    await db.$queryRaw`SELECT 'idle one'`;
    expect(await terminate(`%'idle one'%`)).toBe(1);
    await expect.poll(() => lostConnections).toHaveLength(1);
    expect(lostConnections[0]).toBeInstanceOf(DatabaseUnavailable);
    expect(Object.keys(lostConnections[0] ?? {})).not.toContain('client');
    expect(await db.alert.count()).toBe(0);
  });

  it('throws DatabaseUnavailable within its time limit if all connections of the pool are busy', async () => {
    const db = open();
    const busy = errorOf(db.$queryRaw`SELECT pg_sleep(21)::text`);
    expect(await errorOf(db.alert.count())).toBeInstanceOf(DatabaseUnavailable);
    await terminate('%pg_sleep(21)%');
    await busy;
  });

  it('throws DatabaseUnavailable from a query without a response, and does not use that connection again', async () => {
    const db = open();
    expect(await errorOf(db.$queryRaw`SELECT pg_sleep(22)::text`)).toBeInstanceOf(DatabaseUnavailable);
    expect(await errorOf(db.$queryRaw`SELECT 1`)).toBeUndefined();
    await terminate('%pg_sleep(22)%');
  });

  it('throws DatabaseUnavailable for an unknown database name or user', async () => {
    const url = new URL(database.url);
    url.pathname = '/nowhere';
    expect(await errorOf(open(url.href).$queryRaw`SELECT 1`)).toBeInstanceOf(DatabaseUnavailable);
    url.username = 'nobody';
    expect(await errorOf(open(url.href).alert.count())).toBeInstanceOf(DatabaseUnavailable);
  });
});

const INVALID: [string, string, (db: Database) => Promise<unknown>][] = [
  ['a value of the wrong type', '22P02', (db) => db.alert.findUnique({ where: { uuid: VALUE } })],
  ['a value of the wrong type in a raw query', '22P02', (db) => db.$queryRaw`SELECT ${`line\n${VALUE}`}::int`],
  ['a NUL character', '22021', (db) => db.alert.count({ where: { store: `${VALUE}\0` } })],
  ['a table that does not exist', '42P01', (db) => db.$queryRaw`SELECT ${VALUE} FROM nowhere`],
  ['a duplicate uuid', '23505', addTwice],
  [
    'an argument that Prisma rejects',
    'unknown',
    (db) => db.alert.findMany({ take: Number.NaN, where: { store: VALUE } }),
  ],
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

describe('a query that the database rejects', () => {
  it.each(INVALID)('%s throws an error with the code %s and without the value', async (_, code, query) => {
    const error = await errorOf(query(open()));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ code, cause: expect.any(Error) });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('v4lue');
  });
});

describe('readiness', () => {
  it('accepts a database with exactly the migrations of this version', async () => {
    const db = open();
    await expect(assertReady(db)).resolves.toBeUndefined();
    expect([await checkDatabase(db), await checkMigrations(db)]).toEqual([undefined, undefined]);
  });

  it('names the missing migrations of an empty database, and the command to run', async () => {
    const empty = await createTestDatabase({ empty: true });
    onTestFinished(empty.drop);
    const db = open(empty.url);
    await expect(assertReady(db)).rejects.toThrow(/^the database lacks the migrations? .+: run `npm run migrate`$/);
    expect(await checkDatabase(db)).toBeUndefined();
    expect(await checkMigrations(db)).toContain('lacks the migration');
    await expect(waitUntilReady(db, () => {})).rejects.toThrow('lacks the migration');
  });

  it('runs one query for both checks', async () => {
    const db = open();
    let queries = 0;
    const counting: Database = {
      ...db,
      $queryRawUnsafe(...args) {
        queries += 1;
        return db.$queryRawUnsafe(...args);
      },
    };
    const { database, migrations } = databaseChecks(counting);
    expect(await Promise.all([database(), migrations()])).toEqual([undefined, undefined]);
    expect(queries).toBe(1);
  });

  it('reports an unavailable database, and nothing about its migrations', async () => {
    const db = open('postgres://alerts@127.0.0.1:1/alerts');
    expect(await checkDatabase(db)).toBe('the database is unavailable');
    expect(await checkMigrations(db)).toBeUndefined();
  });

  it('is waited for while the database is unavailable, until the signal aborts', async () => {
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
