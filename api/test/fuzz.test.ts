import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RawClient, type RawRequest } from './raw-client.ts';
import { request } from './requests.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

const AT_ONCE = 8;
const ROUNDS = 2_600;
const SEED = 20_261_122;

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed / 1e6;
}

// The answers' form is checked on their way out, as for every test of the api: see test-api.ts.
it(`answers ${AT_ONCE * ROUNDS} made-up requests without a 5xx, in the documented form, and holds nothing of them`, async () => {
  const clients = Array.from({ length: AT_ONCE }, () => new RawClient(Number(new URL(api.url).port)));
  const statuses = new Map<number, number>();
  let rounds = 0;
  let warm = 0;
  const ask = async (client: RawClient | undefined, asked: RawRequest) => {
    const answer = await client?.ask(asked);
    const status = answer?.status ?? 0;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status >= 500 || status < 200)
      throw new Error(`${status} for ${asked.method} ${asked.target}: ${answer?.body}`);
    // Bull Board's errors are its own.
    if (status < 400 || asked.method === 'HEAD' || /^\/queues/i.test(asked.target)) return;
    expect(answer?.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ status });
  };
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (requests) => {
      await Promise.all(requests.map((asked, i) => ask(clients[i], asked)));
      api.logged.length = 0; // kept by the test's own logger
      rounds += 1;
      if (rounds === ROUNDS / 4) warm = heap();
    }),
    { numRuns: ROUNDS, seed: SEED, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  );
  for (const client of clients) client.close();
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(20_000);
  // Every gate was reached, not the first alone.
  const reached = [200, 202, 204, 304, 400, 404, 405, 409, 413, 415, 422];
  expect(reached.filter((status) => !statuses.has(status))).toEqual([]);
  // Three quarters of the requests leave less than one kilobyte each, half of it the validators' caches.
  expect(heap() - warm).toBeLessThan(15);
  const alert = newAlert();
  expect((await json(await api.post(alert))).uuid).toBe(alert.uuid);
}, 180_000);
