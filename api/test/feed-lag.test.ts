import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { findHolder } from '#prisma/change-feed.ts';
import { openDatabase } from '#prisma/client.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { openEvents } from './event-reader.ts';
import { newAlert, POLL, startTestApi } from './test-api.ts';

/** Opens a connection to an own database of the same server. */
async function openElsewhere(applicationName: string): Promise<pg.Client> {
  const database = await createTestDatabase({ empty: true });
  const client = new pg.Client({ connectionString: database.url, application_name: applicationName });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.drop();
  });
  return client;
}

async function beginWithXid(client: pg.Client): Promise<bigint> {
  await client.query('BEGIN');
  return BigInt((await client.query('SELECT pg_current_xact_id()::text AS xid')).rows[0].xid);
}

it('shows and logs that a transaction in another database delays events, and its end', async () => {
  const api = await startTestApi({ feedLag: { checkMs: 50, warnMs: 300 } });
  onTestFinished(() => api.close());
  const lag = async () => {
    const text = await (await fetch(`${api.url}/metrics`)).text();
    return Number(/^alerts_feed_lag_seconds (\S+)$/m.exec(text)?.[1] ?? Number.NaN);
  };
  const reader = await openEvents(`${api.url}/alerts/events`);
  onTestFinished(() => reader.close());
  await expect.poll(() => reader.lastId(), POLL).toBeTruthy();
  const applicationName = `report-${randomUUID()}`;
  const elsewhere = await openElsewhere(applicationName);
  const xid = `${await beginWithXid(elsewhere)}`;
  const alert = newAlert();
  await api.post(alert);

  // Other tests on this server may have a transaction open, too. This one is the oldest at some time.
  const linesOf = (level: number) => api.logged.filter((line) => line.level === level && 'delayedSeconds' in line);
  const warnings = () => linesOf(40).filter((line) => line.xid === xid);
  await expect.poll(() => warnings().length, POLL).toBe(1);
  const { processID } = elsewhere as unknown as { processID: number }; // pg's types omit it
  expect(warnings()[0]).toMatchObject({
    msg: 'an open transaction delays all events',
    holder: { pid: processID, database: elsewhere.database, applicationName, preparedAs: null },
  });
  const seen = await lag();
  expect(seen).toBeGreaterThan(0.2);
  await expect.poll(lag, POLL).toBeGreaterThan(seen);
  expect(reader.text()).not.toContain(alert.uuid);
  expect(warnings()).toHaveLength(1);

  const endsBefore = linesOf(30).length;
  await elsewhere.query('COMMIT');
  await expect.poll(() => linesOf(30).length, POLL).toBeGreaterThan(endsBefore);
  expect((await reader.next()).data.uuid).toBe(alert.uuid);
  await expect.poll(lag, POLL).toBeLessThan(seen);
});

it('finds who has a transaction open as a role without privileges', async () => {
  const database = await createTestDatabase();
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  const admin = await openElsewhere('admin');
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'secret';
  const db = openDatabase(url.href, { poolSize: 1, onError: () => {} });
  onTestFinished(async () => {
    await db.$disconnect();
    await database.drop();
    await admin.query(`DROP ROLE ${role}`);
  });
  const elsewhere = await openElsewhere('report');
  const xid = await beginWithXid(elsewhere);
  expect(await findHolder(db, xid)).toMatchObject({
    pid: expect.any(Number),
    database: elsewhere.database,
    applicationName: 'report',
  });
  await elsewhere.query('COMMIT');
  expect(await findHolder(db, xid)).toBeUndefined();
});
