import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LongPoll } from '../alerts/long-poll.ts';
import { newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

// How waiting requests share queries. wait.test.ts tests their responses.
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function postAlert(): Promise<string> {
  const alert = newAlert();
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

describe('waiting requests', () => {
  it('share one query, and send none when nobody waits', async () => {
    let queries = 0;
    const counting = api.db.$extends({
      query: {
        alert: {
          findMany({ args, query }) {
            queries += 1;
            return query(args);
          },
        },
      },
    }) as unknown as TestApi['db']; // the same client with an extension, which its type names
    const longPoll = new LongPoll(counting);
    const aborter = new AbortController();
    const uuids = [await postAlert(), await postAlert()];
    let checks = 0;
    const isChanged = () => {
      checks += 1;
      return false;
    };
    const all = Array.from({ length: 50 }, (_, i) =>
      longPoll.waitForChange(uuids[i % 2] ?? '', isChanged, aborter.signal),
    );
    await expect.poll(() => checks >= 150, POLL).toBeTruthy();
    expect(queries).toBeLessThanOrEqual(4);
    aborter.abort();
    expect(await Promise.all(all)).toEqual(Array(50).fill(undefined));
    const before = queries;
    // Five times the interval between two queries.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(queries).toBeLessThanOrEqual(before + 1);
    longPoll.close();
  });
});

describe('a request that is aborted during the query', () => {
  it('is not checked again', async () => {
    const queryMayEnd = Promise.withResolvers<void>();
    const queried = Promise.withResolvers<void>();
    const slow = api.db.$extends({
      query: {
        alert: {
          async findMany({ args, query }) {
            const rows = await query(args);
            queried.resolve();
            await queryMayEnd.promise;
            return rows;
          },
        },
      },
    }) as unknown as TestApi['db']; // the same client with an extension, which its type names
    const longPoll = new LongPoll(slow);
    const uuid = await postAlert();
    const aborter = new AbortController();
    const first = longPoll.waitForChange(uuid, () => expect.unreachable(), aborter.signal);
    const second = longPoll.waitForChange(uuid, () => true, new AbortController().signal);
    await queried.promise;
    aborter.abort();
    expect(await first).toBeUndefined();
    queryMayEnd.resolve();
    expect(await second).toMatchObject({ uuid });
    longPoll.close();
  });
});
