import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { killAllProcesses, startProcess, waitUntilReady } from '#test/harness/process.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { createKey } from './browser.ts';

// The counters are connected in index.ts, so the process itself is tested.

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ queue: true });
});
afterEach(async () => {
  await killAllProcesses();
  await database.drop();
});

it('counts invalid keys and requests over each limit in /metrics', async () => {
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  const [reader, scraper] = [await createKey(db, 'read'), await createKey(db, 'metrics')];
  await db.$disconnect();
  const env = { RATE_LIMIT_FAILED_KEYS: '2', RATE_LIMIT_PER_KEY: '3', RATE_LIMIT_PER_IP: '15' };
  const started = startProcess({
    ...{ name: 'api', entry: 'api/index.ts' },
    env: { DATABASE_URL: database.url, PORT: '0', AUTH: 'keys', ...env },
  });
  const url = `http://127.0.0.1:${Object(await waitUntilReady(started)).port}`;
  const status = async (path: string, key: string) =>
    (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } })).status;
  const statuses = async (path: string, key: string, count: number) => {
    const all: number[] = [];
    for (let n = 0; n < count; n += 1) all.push(await status(path, key));
    return all;
  };
  const metrics = async () =>
    (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${scraper}` } })).text();

  const before = await metrics();
  expect(before).toMatch(/^auth_failures_total 0$/m);
  for (const limit of ['address', 'key', 'failed']) expect(before).toContain(`rate_limited_total{limit="${limit}"} 0`);
  expect(await statuses('/alerts', `va_0123456789_${'x'.repeat(43)}`, 4)).toEqual([401, 401, 429, 429]);
  expect(await statuses('/alerts', reader, 5)).toEqual([200, 200, 200, 429, 429]);
  const after = await metrics();
  expect(after).toMatch(/^auth_failures_total 4$/m);
  expect(after).toContain('rate_limited_total{limit="failed"} 2');
  expect(after).toContain('rate_limited_total{limit="key"} 2');
  expect(after).toContain('rate_limited_total{limit="address"} 0');
  // Eleven requests so far. /openapi.json needs no key.
  expect(await statuses('/openapi.json', '', 5)).toEqual([200, 200, 200, 200, 429]);
});
