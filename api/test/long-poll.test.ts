import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LongPoll } from '../alerts/long-poll.ts';
import { eventually, newAlert, startTestApi, type TestApi } from './test-api.ts';

// How those who wait share their look at the rows; what a request that waits is answered is another file's matter.
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function posted(): Promise<string> {
  const alert = newAlert();
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

describe('all who wait', () => {
  it('share one query, of which there is none while nobody does', async () => {
    let asked = 0;
    const counting = api.db.$extends({
      query: {
        alert: {
          findMany({ args, query }) {
            asked += 1;
            return query(args);
          },
        },
      },
    }) as unknown as TestApi['db']; // the same client with something in between; its type names the extension
    const waits = new LongPoll(counting);
    const gone = new AbortController();
    const uuids = [await posted(), await posted()];
    let looks = 0;
    const look = () => {
      looks += 1;
      return false;
    };
    const all = Array.from({ length: 50 }, (_, i) => waits.waitForChange(uuids[i % 2] ?? '', look, gone.signal));
    await eventually(async () => looks >= 150 || undefined);
    expect(asked).toBeLessThanOrEqual(4);
    gone.abort();
    expect(await Promise.all(all)).toEqual(Array(50).fill(undefined));
    const before = asked;
    // What does not happen can only be waited for: five times the time between two queries.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked).toBeLessThanOrEqual(before + 1);
    waits.close();
  });
});

describe('one whose wait ends while its alert is looked up', () => {
  it('is asked nothing more: it has its answer', async () => {
    const late = Promise.withResolvers<void>();
    const looked = Promise.withResolvers<void>();
    const slow = api.db.$extends({
      query: {
        alert: {
          async findMany({ args, query }) {
            const rows = await query(args);
            looked.resolve();
            await late.promise;
            return rows;
          },
        },
      },
    }) as unknown as TestApi['db']; // the same client with something in between; its type names the extension
    const waits = new LongPoll(slow);
    const uuid = await posted();
    const gone = new AbortController();
    const first = waits.waitForChange(uuid, () => expect.unreachable(), gone.signal);
    const second = waits.waitForChange(uuid, () => true, new AbortController().signal);
    await looked.promise;
    gone.abort();
    expect(await first).toBeUndefined();
    late.resolve();
    expect(await second).toMatchObject({ uuid });
    waits.close();
  });
});
