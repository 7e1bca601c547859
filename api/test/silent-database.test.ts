import { expect, it, onTestFinished } from 'vitest';
import { migrateQueue } from '#redis/migrate.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { newAlert, startTestApi } from './test-api.ts';

/** 10 s for an answer on an open connection, 3 s for a new one, and room for a busy machine. */
const LIMIT_MS = 16_000;

it('every answer comes in time while PostgreSQL is silent, and is right again when it speaks', async () => {
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
  const ask = () =>
    Promise.all([
      api.post(alert),
      fetch(`${api.url}/alerts`),
      fetch(`${api.url}/alerts/${alert.uuid}`),
      fetch(`${api.url}/readyz`),
    ]);
  // Connections are open, so that each of the questions below is asked and waits for its answer.
  expect((await ask()).map(({ status }) => status)).toEqual([202, 200, expect.any(Number), 200]);

  proxy.freeze();
  const began = performance.now();
  expect((await fetch(`${api.url}/livez`)).status).toBe(200);
  expect(performance.now() - began).toBeLessThan(1_000);
  for (const answer of await ask()) {
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      503,
      'application/problem+json; charset=utf-8',
    ]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(performance.now() - began).toBeLessThan(LIMIT_MS);

  proxy.thaw();
  const right = [200, 200, 200, 200];
  await expect.poll(async () => (await ask()).map(({ status }) => status), { timeout: 15_000 }).toEqual(right);
}, 60_000);
