import { expect, it, onTestFinished } from 'vitest';
import { migrateQueue } from '#redis/migrate.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { newAlert, startTestApi } from './test-api.ts';

it('responds with 503 while PostgreSQL is frozen, and recovers', async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  await migrateQueue(database.url);
  const proxy = await startTcpProxy(Number(new URL(database.url).port));
  onTestFinished(proxy.close);
  const url = new URL(database.url);
  url.port = `${proxy.port}`;
  const api = await startTestApi({ databaseUrl: url.href, queueUrl: url.href });
  onTestFinished(() => api.close());
  const alert = newAlert();
  const sendAll = () =>
    Promise.all([
      api.post(alert),
      fetch(`${api.url}/alerts`),
      fetch(`${api.url}/alerts/${alert.uuid}`),
      fetch(`${api.url}/readyz`),
    ]);
  // Opens the connections, so that the requests below wait for a response of the database and not for a connection.
  expect((await sendAll()).map(({ status }) => status)).toEqual([202, 200, expect.any(Number), 200]);

  proxy.freeze();
  expect((await fetch(`${api.url}/livez`)).status).toBe(200);
  for (const { status, headers } of await sendAll()) {
    expect([status, headers.get('content-type')]).toEqual([503, 'application/problem+json; charset=utf-8']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }

  proxy.thaw();
  await expect
    .poll(async () => (await sendAll()).map(({ status }) => status), { timeout: 300_000 })
    .toEqual([200, 200, 200, 200]);
}, 600_000);
