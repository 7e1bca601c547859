import pg from 'pg';
import { describe, expect, it, type TestContext } from 'vitest';
import { databaseUrlField } from '#config/database-url.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { connectionTo } from '../connection.ts';

const PATIENTLY = { timeout: 150_000, interval: 50 };

/** Returns two addresses of the same server, and a URL of both. */
async function openFixture({ onTestFinished }: TestContext) {
  const database = await createTestDatabase({ empty: true });
  onTestFinished(() => database.drop());
  const target = Number(new URL(database.url).port);
  const proxies: [TcpProxy, TcpProxy] = [await startTcpProxy(target), await startTcpProxy(target)];
  onTestFinished(async () => {
    for (const proxy of proxies) await proxy.close();
  });
  const hosts = proxies.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const url = databaseUrlField.parse(database.url.replace(/127\.0\.0\.1:\d+/, hosts));
  const pool = new pg.Pool({ ...connectionTo(url), max: 2, connectionTimeoutMillis: 10_000 });
  pool.on('error', () => {});
  onTestFinished(() => pool.end());
  /** Returns which of the two the session is connected through. */
  const usedProxy = async () => {
    const client = await pool.connect();
    const { remotePort } = (client as unknown as { connection: { stream: { remotePort: number } } }).connection.stream;
    client.release();
    return proxies.findIndex(({ port }) => port === remotePort);
  };
  return { database: database.url, pool, url, proxies, usedProxy };
}

// Concurrent: they mostly wait for time limits.
describe('a connection to one of several servers', { concurrent: true }, () => {
  it('uses another server when one refuses connections, and stays with it', async (t) => {
    const { proxies, usedProxy } = await openFixture(t);
    const first = await usedProxy();
    await proxies[first]?.refuse();
    await t.expect.poll(() => usedProxy().catch(() => undefined), PATIENTLY).toBe(1 - first);
    await proxies[first]?.accept();
    t.expect(await usedProxy()).toBe(1 - first);
  });

  it('ends a query on a server that is frozen once there is another one', async (t) => {
    const { pool, proxies, usedProxy } = await openFixture(t);
    const first = await usedProxy();
    const running = pool.query('SELECT pg_sleep(300)').catch((error: Error) => error);
    proxies[first]?.freeze();
    t.expect(await running).toMatchObject({
      message: expect.stringMatching(/^the connection to .* was closed: .* is the primary now$/),
    });
    await t.expect.poll(() => usedProxy().catch(() => undefined), PATIENTLY).toBe(1 - first);
  });

  it('names every server and its reason if none accepts writes, and no password', async (t) => {
    const { url, proxies, pool } = await openFixture(t);
    for (const proxy of proxies) await proxy.refuse();
    const error = await pool.query('SELECT 1').catch((reason: Error) => reason);
    const [first, second] = proxies.map(({ port }) => `127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
    t.expect(error).toMatchObject({ message: `no server accepts writes (${first}; ${second})` });
    t.expect(String(error)).not.toContain(new URL(url).password);
  });

  it('takes no standby, and no server that is read-only', async (t) => {
    const { database, pool } = await openFixture(t);
    const admin = new pg.Client({ connectionString: database });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${new URL(database).pathname.slice(1)} SET default_transaction_read_only = on`);
    await admin.end();
    await t.expect(pool.connect()).rejects.toThrow(/^no server accepts writes \(.*: a standby, or read-only; /);
  });
});
