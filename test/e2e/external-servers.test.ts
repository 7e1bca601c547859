import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { expect, inject, it, onTestFinished } from 'vitest';
import { DISK_CHECK } from '#prisma/disk.ts';
import { migrate } from '#prisma/migrate.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { type Stack, type StackOptions, startStack } from '#test/harness/stack.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';

// A PostgreSQL and a Redis of one's own, as docs/production.md sets them up: the roles of prisma/roles.sql and the user of
// the page have exactly the privileges that api, worker and commands need.

const OPTIONS = { timeout: 600_000 };
const PATIENTLY = { timeout: 150_000, interval: 200 };
const BATCH = 30;
const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return await client
    .query<Row>(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

/** Returns an empty database with the roles, and a URL for each of them. `admin`: the superuser's. */
async function openDatabaseWithRoles() {
  const { url: admin, drop } = await createTestDatabase({ empty: true });
  onTestFinished(drop);
  await query(admin, await read('prisma/roles.sql'));
  const urlOf = async (role: string) => {
    const url = new URL(admin);
    url.username = role;
    url.password = randomBytes(16).toString('hex');
    await query(admin, `ALTER ROLE ${role} PASSWORD '${url.password}'`);
    return url.href;
  };
  return { admin, owner: await urlOf('alerts_owner'), app: await urlOf('alerts_app') };
}

/** Starts api and worker with keys; returns a function that sends requests with a key of all scopes. */
async function startWithKey(app: string, options: StackOptions) {
  const scopes = ['--scope', 'write,read,operate,manage,metrics'];
  const created = await runCommand('api/auth/keys-cli.ts', ['create', '--name', 'test', ...scopes], {
    DATABASE_URL: app,
  });
  expect(created, created.err).toMatchObject({ code: 0 });
  const stack = await startStack({ ...options, env: { AUTH: 'keys', AUDIT_READS: 'all', RETENTION_DAYS: '30' } });
  onTestFinished(() => stack.close());
  const send = async (path: string, method = 'GET', body?: unknown) => {
    const headers = { authorization: `Bearer ${created.out.trim()}`, 'content-type': 'application/json' };
    return await stack.request(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  };
  return { stack, send };
}

type Send = Awaited<ReturnType<typeof startWithKey>>['send'];

const newAlert = (video = '/videos/test_2.mp4') => ({
  uuid: randomUUID(),
  video,
  store: 'test-store',
  timestamp: Math.floor(Date.now() / 1_000),
});

/** Uses what api and worker do with the queue and the tables. */
async function useEverything(send: Send): Promise<void> {
  const batch = Array.from({ length: BATCH }, () => newAlert());
  expect((await send('/alerts/batch', 'POST', { alerts: batch })).status).toBe(200);
  const broken = newAlert('/videos/broken.mp4');
  expect((await send('/alerts', 'POST', broken)).status).toBe(202);
  await expect
    .poll(async () => await (await send('/alerts/statistics')).json(), PATIENTLY)
    .toMatchObject({ counts: { processed: BATCH, failed: 1 } });
  expect((await send(`/alerts/${broken.uuid}/retry`, 'POST')).status).toBe(202);
  expect((await send(`/alerts/${broken.uuid}/hold`, 'PUT', { reason: 'test' })).status).toBe(200);
  expect((await send(`/alerts/${batch[0]?.uuid}`, 'DELETE')).status).toBe(204);
  for (const path of ['/alerts', '/stores', '/silences', '/deliveries', '/audit', '/keys', '/settings', '/metrics']) {
    expect([path, (await send(path)).status]).toEqual([path, 200]);
  }
  for (const path of ['/queues/api/queues', '/readyz']) expect([path, (await send(path)).status]).toEqual([path, 200]);
}

const refusals = (stack: Stack) =>
  [...stack.apis, ...stack.workers]
    .flatMap(({ lines }) => lines)
    .filter((line) => /permission|NOPERM|42501/.test(line));

const PRIVILEGES = `
  SELECT coalesce(string_agg(privilege, ', ' ORDER BY privilege), 'none') AS privileges, relname
  FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
  LEFT JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) privilege
    ON has_table_privilege('alerts_app', pg_class.oid, privilege)
  WHERE nspname IN ('public', 'bullmq', 'limits') AND relkind IN ('r', 'p')
  GROUP BY pg_class.oid, relname`;

it('the roles have the privileges that everything needs on PostgreSQL, and no others', OPTIONS, async () => {
  const { admin, owner, app } = await openDatabaseWithRoles();
  await migrate(owner);
  await migrateQueue(owner);
  const { stack, send } = await startWithKey(app, { database: { url: owner, urlFor: () => app } });
  await useEverything(send);
  expect(refusals(stack)).toEqual([]);

  const ROWS = 'DELETE, INSERT, SELECT, UPDATE';
  const tables = await query<{ privileges: string; relname: string }>(admin, PRIVILEGES);
  expect(tables.length).toBeGreaterThan(20);
  expect(
    tables.filter(({ privileges }) => privileges !== ROWS).sort((a, b) => (a.relname < b.relname ? -1 : 1)),
  ).toEqual([
    { relname: '_prisma_migrations', privileges: 'SELECT' },
    { relname: 'audit_head', privileges: 'SELECT' },
    { relname: 'audit_log', privileges: 'INSERT, SELECT' },
  ]);
  for (const sql of [
    'DROP TABLE alerts',
    'ALTER TABLE alerts ADD n int',
    'TRUNCATE alerts',
    'CREATE TABLE t (n int)',
  ]) {
    await expect(query(app, sql), sql).rejects.toMatchObject({ code: '42501' });
  }

  // What api and worker need in addition when the disk was full: a temporary table.
  await query(app, DISK_CHECK);
  const [{ name } = { name: '' }] = await query<{ name: string }>(admin, 'SELECT current_database() AS name');
  await query(admin, `REVOKE TEMPORARY ON DATABASE ${name} FROM alerts_app`);
  await expect(query(app, DISK_CHECK)).rejects.toMatchObject({ code: '42501' });
});

it.skipIf(inject('redisCommand') === null)(
  'the user of Redis has the permissions that everything needs, and no dangerous ones',
  OPTIONS,
  async () => {
    const { owner, app } = await openDatabaseWithRoles();
    await migrate(owner);
    const redis = await startRedisServer({ command: inject('redisCommand') ?? undefined });
    onTestFinished(() => redis.stop());
    const [, permissions = ''] = /^user alerts on .*(~bull:.+)$/m.exec(await read('docs/production.md')) ?? [];
    expect(permissions).toContain('~bull:*');
    await redis.send(`ACL SETUSER alerts on >s3cret ${permissions}`);
    const queueUrl = `redis://alerts:s3cret@127.0.0.1:${redis.port}`;
    const { stack, send } = await startWithKey(app, {
      backend: 'redis',
      database: { url: owner, urlFor: () => app },
      redis,
      queueUrl,
    });
    await useEverything(send);
    expect(refusals(stack)).toEqual([]);
    expect(await redis.send('ACL LOG')).toBe('*0\r\n');

    const client = new Redis(queueUrl);
    onTestFinished(() => client.disconnect());
    for (const [command = '', ...args] of [['FLUSHALL'], ['CONFIG', 'GET', '*'], ['KEYS', '*'], ['GET', 'other']]) {
      await expect(client.call(command, ...args), command).rejects.toThrow('NOPERM');
    }
  },
);
