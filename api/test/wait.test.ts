import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, markNotified, recordFailure } from '#prisma/alerts.ts';
import { type Client, unauthorized } from '../auth/client.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
let replica: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  replica = await startTestApi({ databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl, maxHeld: 2 });
});
afterAll(async () => {
  await replica.close();
  await api.close();
});

async function posted(): Promise<string> {
  const alert = newAlert();
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

const fail = (uuid: string) =>
  recordFailure(api.db, { uuid, attempt: 1 }, { code: 'no_video_stream', detail: 'audio' }, 0);

type Asked = { answer: Promise<Response>; settled: () => boolean; ms: () => number; leave(): void };

function ask(uuid: string, prefer: string, headers: Record<string, string> = {}, at = api): Asked {
  const begun = performance.now();
  let ms = 0;
  const gone = new AbortController();
  const answer = fetch(`${at.url}/alerts/${uuid}`, { headers: { prefer, ...headers }, signal: gone.signal });
  const note = () => {
    ms = performance.now() - begun;
  };
  answer.then(note, note);
  return { answer, settled: () => ms > 0, ms: () => ms, leave: () => gone.abort() };
}

/** A request that is certainly held. */
async function held(uuid: string, prefer: string, headers: Record<string, string> = {}, at = api): Promise<Asked> {
  const before = at.longPoll.size;
  const asked = ask(uuid, prefer, headers, at);
  await eventually(async () => at.longPoll.size > before || asked.settled() || undefined);
  expect(asked.settled()).toBe(false);
  return asked;
}

const READER: Client = { id: 'reader', name: 'reader', scopes: new Set(['read']), stores: undefined };
let clientOf = async () => READER;
const auth = { clientOf: () => clientOf() };

describe('Prefer: wait', () => {
  it('holds the answer until the state changes, whichever process changes it', async () => {
    const uuid = await posted();
    const asked = await held(uuid, 'wait=20', {}, replica);
    await claim(api.db, uuid);
    const answer = await asked.answer;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('preference-applied')).toBe('wait=20');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await json(answer)).toMatchObject({ uuid, status: 'processing' });
    expect(asked.ms()).toBeLessThan(10_000);
  });

  it('and If-None-Match hold it until that ETag is no longer the alert’s', async () => {
    const uuid = await posted();
    const etag = (await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag') ?? '';
    const asked = await held(uuid, 'wait=20', { 'if-none-match': etag });
    await claim(api.db, uuid);
    const answer = await asked.answer;
    expect(answer.status).toBe(200);
    const now = await fetch(`${api.url}/alerts/${uuid}`);
    expect(answer.headers.get('etag')).toBe(now.headers.get('etag'));
    expect(answer.headers.get('etag')).not.toBe(etag);
    // What the caller knows is old already: no reason to wait.
    const late = await fetch(`${api.url}/alerts/${uuid}`, { headers: { prefer: 'wait=25', 'if-none-match': etag } });
    expect([late.status, late.headers.get('preference-applied')]).toEqual([200, 'wait=25']);
  });

  it('and If-None-Match end in 304 where nothing changed, without them in 200', async () => {
    const uuid = await posted();
    const etag = (await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag') ?? '';
    const [matched, plain] = [await held(uuid, 'wait=1', { 'if-none-match': etag }), await held(uuid, 'wait=1')];
    const [unchanged, same] = [await matched.answer, await plain.answer];
    expect([unchanged.status, unchanged.headers.get('preference-applied')]).toEqual([304, 'wait=1']);
    expect([same.status, (await json(same)).status]).toEqual([200, 'pending']);
    for (const asked of [matched, plain]) {
      expect(asked.ms()).toBeGreaterThan(950);
      expect(asked.ms()).toBeLessThan(5_000);
    }
  });

  it('does not hold a final alert, but for one who knows its state', async () => {
    const uuid = await posted();
    await claim(api.db, uuid);
    await fail(uuid);
    const unheld = ask(uuid, 'wait=20');
    const final = await unheld.answer;
    expect(unheld.ms()).toBeLessThan(10_000);
    expect(await json(final)).toMatchObject({ status: 'failed', notified_at: null });
    const etag = final.headers.get('etag') ?? '';
    const asked = await held(uuid, 'wait=20', { 'if-none-match': etag });
    await markNotified(api.db, uuid);
    const told = await asked.answer;
    expect((await json(told)).notified_at).toMatch(/Z$/);
    const again = ask(uuid, 'wait=20', { 'if-none-match': told.headers.get('etag') ?? '' });
    expect((await again.answer).status).toBe(304);
    expect(again.ms()).toBeLessThan(10_000);
  });

  it('of another form is no demand', async () => {
    const uuid = await posted();
    const answer = await fetch(`${api.url}/alerts/${uuid}`, { headers: { prefer: 'wait=soon' } });
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, null]);
  });

  it('holds nothing that is not there', async () => {
    expect((await fetch(`${api.url}/alerts/${randomUUID()}`, { headers: { prefer: 'wait=25' } })).status).toBe(404);
  });

  it('holds so many at a time and no more: 429, and one that left counts no longer', async () => {
    const uuid = await posted();
    const [first, second] = [await held(uuid, 'wait=20', {}, replica), await held(uuid, 'wait=20', {}, replica)];
    const refused = await fetch(`${replica.url}/alerts/${uuid}`, { headers: { prefer: 'wait=20' } });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect((await json(refused)).type).toBe('/problems/too-many-held');
    expect((await fetch(`${replica.url}/alerts/events`)).status).toBe(429);
    first.leave();
    await eventually(async () => {
      const next = ask(uuid, 'wait=1', {}, replica);
      return (await next.answer).status === 200 || undefined;
    });
    second.leave();
  });

  it('does not count for ever who left before it was held', async () => {
    const at = await startTestApi({ auth, databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl, maxHeld: 1 });
    const uuid = await posted();
    clientOf = async () => READER;
    await fetch(`${at.url}/alerts/${uuid}`); // the connection to the database stands
    const late = Promise.withResolvers<void>();
    const early = Promise.withResolvers<void>();
    clientOf = async () => {
      early.resolve();
      await late.promise;
      return READER;
    };
    const left = ask(uuid, 'wait=20', {}, at);
    await early.promise;
    left.leave();
    await expect(left.answer).rejects.toThrow();
    await eventually(async () => at.logged.find(({ msg }) => msg === 'client disconnected'));
    late.resolve();
    clientOf = async () => READER;
    // Asked later, answered later: by then the one that left has been found.
    for (let n = 0; n < 10; n += 1) await fetch(`${at.url}/alerts/${uuid}`);
    expect((await fetch(`${at.url}/alerts/${uuid}`, { headers: { prefer: 'wait=1' } })).status).toBe(200);
    await at.close();
  });

  it('ends in 401 where the key has gone meanwhile', async () => {
    clientOf = async () => READER;
    const at = await startTestApi({ auth, databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const uuid = await posted();
    const asked = await held(uuid, 'wait=20', {}, at);
    clientOf = async () => {
      throw unauthorized('The key was revoked.');
    };
    await claim(api.db, uuid);
    const answer = await asked.answer;
    expect([answer.status, (await json(answer)).type]).toEqual([401, '/problems/unauthorized']);
    await at.close();
  });

  it('is answered as it stands when the process stops', async () => {
    const own = await startTestApi({ databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const uuid = await posted();
    const asked = await held(uuid, 'wait=20', {}, own);
    await claim(api.db, uuid);
    own.longPoll.close();
    const answer = await asked.answer;
    expect(asked.ms()).toBeLessThan(10_000);
    expect((await json(answer)).status).toBe('processing');
    expect(answer.headers.get('etag')).toBe((await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag'));
    expect((await fetch(`${own.url}/alerts/${uuid}`, { headers: { prefer: 'wait=20' } })).status).toBe(200);
    await own.close();
  });
});

describe('a query that fails', () => {
  it('fails those who wait for it at once', async () => {
    const own = await startTestApi();
    const alert = newAlert();
    await own.post(alert);
    const asked = await held(alert.uuid, 'wait=20', {}, own);
    await own.db.$executeRaw`ALTER TABLE alerts RENAME TO elsewhere`;
    const answer = await asked.answer;
    expect(answer.status).toBe(500);
    expect(asked.ms()).toBeLessThan(10_000);
    await own.close();
  });
});
