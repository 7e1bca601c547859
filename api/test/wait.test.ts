import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { claim, findAlert, markNotified, recordFailure } from '#prisma/alerts.ts';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { type Client, unauthorized } from '../auth/client.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

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

async function postAlert(): Promise<string> {
  const alert = newAlert();
  expect((await api.post(alert)).status).toBe(202);
  return alert.uuid;
}

const fail = (uuid: string) =>
  recordFailure(api.db, { uuid, claim: 1 }, { code: 'no_video_stream', detail: 'audio' }, 0);

type PendingRequest = { response: Promise<Response>; abort(): void };

function send(uuid: string, prefer: string, headers: Record<string, string> = {}, target = api): PendingRequest {
  const aborter = new AbortController();
  const response = fetch(`${target.url}/alerts/${uuid}`, { headers: { prefer, ...headers }, signal: aborter.signal });
  response.catch(() => {}); // an aborted request is expected
  return { response, abort: () => aborter.abort() };
}

/** Sends a request and returns once it waits. Throws if it got a response instead. */
async function sendWaiting(...args: Parameters<typeof send>): Promise<PendingRequest> {
  const { longPoll } = args[3] ?? api;
  const before = longPoll.size;
  const request = send(...args);
  let settled = false;
  request.response.then(
    () => (settled = true),
    () => (settled = true),
  );
  await expect.poll(() => longPoll.size > before || settled, { ...POLL, interval: 5 }).toBe(true);
  expect(settled).toBe(false);
  return request;
}

const READER: Client = { id: 'reader', name: 'reader', scopes: new Set(['read']), stores: undefined };
let clientOf = async () => READER;
const auth = { clientOf: () => clientOf() };

describe('Prefer: wait', () => {
  it('waits until any process changes the alert', async () => {
    const uuid = await postAlert();
    const request = await sendWaiting(uuid, 'wait=20', {}, replica);
    await claim(api.db, uuid);
    const response = await request.response;
    expect(response.status).toBe(200);
    expect(response.headers.get('preference-applied')).toBe('wait=20');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await json(response)).toMatchObject({ uuid, status: 'processing' });
  });

  it('waits with If-None-Match until the ETag differs', async () => {
    const uuid = await postAlert();
    const etag = (await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag') ?? '';
    const request = await sendWaiting(uuid, 'wait=20', { 'if-none-match': etag });
    await claim(api.db, uuid);
    const response = await request.response;
    expect(response.status).toBe(200);
    const now = await fetch(`${api.url}/alerts/${uuid}`);
    expect(response.headers.get('etag')).toBe(now.headers.get('etag'));
    expect(response.headers.get('etag')).not.toBe(etag);
    // The client's ETag is outdated already, so there is no wait.
    const late = await fetch(`${api.url}/alerts/${uuid}`, { headers: { prefer: 'wait=25', 'if-none-match': etag } });
    expect([late.status, late.headers.get('preference-applied')]).toEqual([200, 'wait=25']);
  });

  it('ends without a change in 304 with If-None-Match, else in 200', async () => {
    const uuid = await postAlert();
    const etag = (await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag') ?? '';
    const [matched, plain] = [
      await sendWaiting(uuid, 'wait=1', { 'if-none-match': etag }),
      await sendWaiting(uuid, 'wait=1'),
    ];
    const [unchanged, same] = [await matched.response, await plain.response];
    expect([unchanged.status, unchanged.headers.get('preference-applied')]).toEqual([304, 'wait=1']);
    expect([same.status, (await json(same)).status]).toEqual([200, 'pending']);
  });

  it('waits for a final alert only if the client knows it', async () => {
    const uuid = await postAlert();
    await claim(api.db, uuid);
    await fail(uuid);
    const final = await send(uuid, 'wait=20').response;
    expect(await json(final)).toMatchObject({ status: 'failed', notified_at: null });
    const etag = final.headers.get('etag') ?? '';
    const request = await sendWaiting(uuid, 'wait=20', { 'if-none-match': etag });
    await markNotified(api.db, { uuid, claim: 1 });
    const notified = await request.response;
    expect((await json(notified)).notified_at).toMatch(/Z$/);
    const again = send(uuid, 'wait=20', { 'if-none-match': notified.headers.get('etag') ?? '' });
    expect((await again.response).status).toBe(304);
  });

  it('is ignored in another format', async () => {
    const uuid = await postAlert();
    const response = await fetch(`${api.url}/alerts/${uuid}`, { headers: { prefer: 'wait=soon' } });
    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, null]);
  });

  it('does not wait for an unknown alert', async () => {
    expect((await fetch(`${api.url}/alerts/${randomUUID()}`, { headers: { prefer: 'wait=25' } })).status).toBe(404);
  });

  it('is rejected with 429 beyond the limit; aborted requests free their slot', async () => {
    const uuid = await postAlert();
    const [first, second] = [
      await sendWaiting(uuid, 'wait=20', {}, replica),
      await sendWaiting(uuid, 'wait=20', {}, replica),
    ];
    const rejected = await fetch(`${replica.url}/alerts/${uuid}`, { headers: { prefer: 'wait=20' } });
    expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([429, '5']);
    expect((await json(rejected)).type).toBe('/problems/too-many-held');
    expect((await fetch(`${replica.url}/alerts/events`)).status).toBe(429);
    first.abort();
    const next = async () => (await send(uuid, 'wait=1', {}, replica).response).status;
    await expect.poll(next, POLL).toBe(200);
    second.abort();
  });

  it('takes no slot for a client that disconnected before', async () => {
    const own = await startTestApi({ auth, databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl, maxHeld: 1 });
    const uuid = await postAlert();
    clientOf = async () => READER;
    await fetch(`${own.url}/alerts/${uuid}`); // opens a connection to the database
    const mayContinue = Promise.withResolvers<void>();
    const authenticating = Promise.withResolvers<void>();
    clientOf = async () => {
      authenticating.resolve();
      await mayContinue.promise;
      return READER;
    };
    const early = send(uuid, 'wait=20', {}, own);
    await authenticating.promise;
    early.abort();
    await expect(early.response).rejects.toThrow();
    await expect.poll(() => own.logged.some(({ msg }) => msg === 'client disconnected'), POLL).toBe(true);
    mayContinue.resolve();
    clientOf = async () => READER;
    // By the time these have responses, the query of the aborted request has ended, too.
    for (let n = 0; n < 10; n += 1) await fetch(`${own.url}/alerts/${uuid}`);
    expect((await fetch(`${own.url}/alerts/${uuid}`, { headers: { prefer: 'wait=1' } })).status).toBe(200);
    await own.close();
  });

  it('ends in 401 if the key was revoked during the wait', async () => {
    clientOf = async () => READER;
    const own = await startTestApi({ auth, databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const uuid = await postAlert();
    const request = await sendWaiting(uuid, 'wait=20', {}, own);
    clientOf = async () => {
      throw unauthorized('The key was revoked.');
    };
    await claim(api.db, uuid);
    const response = await request.response;
    expect([response.status, (await json(response)).type]).toEqual([401, '/problems/unauthorized']);
    await own.close();
  });

  it('returns the current alert when the process stops', async () => {
    const own = await startTestApi({ databaseUrl: api.databaseUrl, queueUrl: api.databaseUrl });
    const uuid = await postAlert();
    const request = await sendWaiting(uuid, 'wait=20', {}, own);
    await claim(api.db, uuid);
    own.longPoll.close();
    const response = await request.response;
    expect((await json(response)).status).toBe('processing');
    expect(response.headers.get('etag')).toBe((await fetch(`${api.url}/alerts/${uuid}`)).headers.get('etag'));
    expect((await fetch(`${own.url}/alerts/${uuid}`, { headers: { prefer: 'wait=20' } })).status).toBe(200);
    await own.close();
  });
});

describe('a database that fails during the wait', () => {
  async function startBehindProxy() {
    const proxy = await startTcpProxy(Number(new URL(api.databaseUrl).port));
    const url = new URL(api.databaseUrl);
    url.port = `${proxy.port}`;
    const own = await startTestApi({ databaseUrl: url.href, queueUrl: api.databaseUrl });
    onTestFinished(async () => {
      await proxy.close();
      await own.close();
    });
    return { own, proxy };
  }

  it('ends the wait in 503 if it does not respond, soon after the requested time', async () => {
    const { own, proxy } = await startBehindProxy();
    const request = await sendWaiting(await postAlert(), 'wait=1', {}, own);
    proxy.freeze();
    // Fails after the timeout of queries. One that began after the wait would fail even later.
    const query = findAlert(own.db, randomUUID()).catch(() => 'timeout');
    const first = await Promise.race([request.response, query]);
    if (!(first instanceof Response)) throw new Error('the response comes after the timeout of queries');
    const response = first;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await json(response)).type).toBe('/problems/unavailable');
  });

  it('ends the wait in 503 at once if it restarts', async () => {
    const { own, proxy } = await startBehindProxy();
    const request = await sendWaiting(await postAlert(), 'wait=25', {}, own);
    await proxy.refuse();
    expect((await request.response).status).toBe(503);
    await proxy.accept();
  });
});

describe('a failing query', () => {
  it('fails the waiting requests', async () => {
    const own = await startTestApi();
    const alert = newAlert();
    await own.post(alert);
    const request = await sendWaiting(alert.uuid, 'wait=20', {}, own);
    await own.db.$executeRaw`ALTER TABLE alerts RENAME TO elsewhere`;
    const response = await request.response;
    expect(response.status).toBe(500);
    await own.close();
  });
});
