import { beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  type Alert,
  type AlertEvent,
  ConnectionError,
  createClient,
  ProblemError,
  type Retry,
  TimeLimitError,
} from '#sdk/src/client.ts';
import { freePort } from '#test/harness/ports.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { startTcpProxy, type TcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';

const OPTIONS = { timeout: 300_000 };
const POLL = { timeout: 150_000, interval: 50 };
const LIMIT = { timeoutMs: 150_000 };
const ALERT = { video: '/videos/test_1.avi', store: 'test-store', timestamp: 1748871320.6882 };

let stack: Stack;
/** Between the api and PostgreSQL. */
let database: TcpProxy;
/** Between the client and the api. */
let network: TcpProxy;

beforeAll(async () => {
  const { url, drop } = await createTestDatabase({ queue: true });
  database = await startTcpProxy(Number(new URL(url).port));
  const proxied = new URL(url);
  proxied.host = `127.0.0.1:${database.port}`;
  stack = await startStack({ database: { url, urlFor: (name) => (name.startsWith('api') ? proxied.href : url) } });
  network = await startTcpProxy(Number(new URL(stack.apiUrl).port));
  return async () => {
    await stack.close();
    await network.close();
    await database.close();
    await drop();
  };
}, OPTIONS.timeout);

/** Returns a client of the stack's api, and the repetitions that it has made. */
function connect(url = stack.apiUrl, key?: string) {
  const retries: Retry[] = [];
  const client = createClient({ url, key, ...LIMIT, onRetry: (retry) => retries.push(retry) });
  return { client, retries };
}

async function uuidsOf(alerts: AsyncIterable<Alert>): Promise<string[]> {
  const uuids: string[] = [];
  for await (const { uuid } of alerts) uuids.push(uuid);
  return uuids;
}

/** Collects events until the test ends. Returns when the stream is open. */
async function follow(url: string) {
  const { client, retries } = connect(url);
  const events: AlertEvent[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const event of client.events({ signal: stop.signal })) events.push(event);
  })().catch((error: unknown) => error);
  onTestFinished(async () => {
    stop.abort();
    expect(await ended).toBe(stop.signal.reason);
  });
  await expect
    .poll(async () => {
      await connect().client.send(ALERT);
      return events.length;
    }, POLL)
    .toBeGreaterThan(0);
  const processed = () => events.flatMap(({ type, alert }) => (type === 'alert.processed' ? [alert.uuid] : []));
  return { events, retries, processed };
}

it('sends an alert, waits for its result, reads it and lists it', OPTIONS, async () => {
  const { client } = connect();
  const sent = await client.send({ ...ALERT, store: 'first-store' });
  expect(sent).toMatchObject({ status: 'pending', dispatch: 'queued' });
  const states: string[] = [];
  const alert = await client.wait(sent.uuid, { ...LIMIT, onState: ({ status }) => states.push(status) });
  expect(alert).toMatchObject({ uuid: sent.uuid, status: 'processed', resolution: '1280x720' });
  expect(states.at(-1)).toBe('processed');
  expect(await client.get(sent.uuid)).toMatchObject({ status: 'processed' });

  const uuids = [sent.uuid];
  for (let count = 1; count < 5; count += 1) uuids.push((await client.send({ ...ALERT, store: 'first-store' })).uuid);
  expect(await uuidsOf(client.list({ store: 'first-store', limit: 2 }))).toEqual(uuids.toReversed());
  const pages: number[] = [];
  for await (const { data } of client.pages({ store: 'first-store', limit: 2 })) pages.push(data.length);
  expect(pages).toEqual([2, 2, 1]);
});

it('the same uuid is one alert; errors have the fields of the problem', OPTIONS, async () => {
  const { client, retries } = connect();
  const { uuid } = await client.send({ ...ALERT, store: 'same-uuid' });
  expect((await client.send({ ...ALERT, store: 'same-uuid', uuid })).uuid).toBe(uuid);
  const conflict = await client.send({ ...ALERT, store: 'another', uuid }).catch((error: unknown) => error);
  expect(conflict).toBeInstanceOf(ProblemError);
  expect(conflict).toMatchObject({ status: 409, type: '/problems/alert-conflict', problem: { fields: ['store'] } });
  const invalid = await client.send({ ...ALERT, video: 'test_1.avi' }).catch((error: unknown) => error);
  expect(invalid).toMatchObject({
    status: 422,
    type: '/problems/validation',
    errors: [{ pointer: '#/video' }],
    requestId: expect.stringMatching(/./),
  });
  await expect(client.get('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({ status: 404 });
  await expect(client.wait('nonsense')).rejects.toMatchObject({ status: 422 });
  expect(retries).toEqual([]);
});

it('retries a failed alert once per idempotency key', OPTIONS, async () => {
  const { client } = connect();
  const { uuid } = await client.send({ ...ALERT, video: '/videos/broken.mp4' });
  expect(await client.wait(uuid, LIMIT)).toMatchObject({ status: 'failed', failure: { code: 'video_unreadable' } });
  expect(await client.retry(uuid, { idempotencyKey: 'once' })).toMatchObject({ uuid, dispatch: 'queued' });
  const again = await client.wait(uuid, LIMIT);
  await client.retry(uuid, { idempotencyKey: 'once' });
  expect(await client.get(uuid)).toMatchObject({ status: 'failed', attempts: again.attempts });
  const { uuid: good } = await client.send(ALERT);
  await client.wait(good, LIMIT);
  await expect(client.retry(good)).rejects.toMatchObject({ status: 409, type: '/problems/not-retryable' });
});

it('a wait continues after a restart of the api, and ends at its limit or with its signal', OPTIONS, async () => {
  const [api, worker] = [stack.apis[0], stack.workers[0]];
  if (!api || !worker) throw new Error('the stack has no api or worker');
  const { client, retries } = connect();
  await worker.stop();
  const { uuid } = await client.send(ALERT);
  await expect(client.wait(uuid, { timeoutMs: 5_000 })).rejects.toMatchObject({ alert: { uuid, status: 'pending' } });
  const abort = new AbortController();
  const aborted = client.wait(uuid, { ...LIMIT, signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');

  const waiting = client.wait(uuid, LIMIT);
  await api.kill();
  await expect.poll(() => retries.length, POLL).toBeGreaterThan(0);
  expect(retries[0]?.error).toBeInstanceOf(ConnectionError);
  const late = client.wait(uuid, { timeoutMs: 300 }).catch((error: unknown) => error);
  expect(await late).toBeInstanceOf(TimeLimitError);
  await Promise.all([api.start(), worker.start()]);
  expect(await waiting).toMatchObject({ uuid, status: 'processed' });
});

it('events miss nothing while the api is down', OPTIONS, async () => {
  const [api, worker] = [stack.apis[0], stack.workers[0]];
  if (!api || !worker) throw new Error('the stack has no api or worker');
  const { events, retries, processed } = await follow(stack.apiUrl);
  await worker.stop();
  const { client } = connect();
  const uuids: string[] = [];
  for (let count = 0; count < 20; count += 1) uuids.push((await client.send({ ...ALERT, store: 'down' })).uuid);
  await api.kill();
  await expect.poll(() => retries.length, POLL).toBeGreaterThan(0);
  await worker.start();
  await expect.poll(() => worker.lines.filter((line) => line.includes('Store: down')).length, POLL).toBe(20);
  await api.start();
  await expect.poll(() => uuids.filter((uuid) => !processed().includes(uuid)), POLL).toEqual([]);
  expect(events.filter(({ type }) => type === 'reset')).toEqual([]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
});

it('events reconnect when the network is silent', OPTIONS, async () => {
  const { retries, processed } = await follow(`http://127.0.0.1:${network.port}`);
  network.freeze();
  const { uuid } = await connect().client.send(ALERT);
  await expect
    .poll(() => retries.map(({ error }) => error.message), POLL)
    .toContainEqual(expect.stringMatching(/within/));
  expect(processed()).not.toContain(uuid);
  network.thaw();
  await expect.poll(processed, POLL).toContain(uuid);
});

it('events report a position that the server does not know', OPTIONS, async () => {
  const { client } = connect();
  for await (const event of client.events({ lastEventId: '18446744073709551000.1' })) {
    expect(event).toMatchObject({ type: 'reset', id: expect.stringMatching(/^\d+\.\d+$/) });
    break;
  }
  const invalid = client.events({ lastEventId: 'yesterday' }).next();
  await expect(invalid).rejects.toMatchObject({ status: 400, type: '/problems/bad-event-id' });
});

it('sends again after a 503 or a broken connection, not before Retry-After', OPTIONS, async () => {
  const { client, retries } = connect();
  await database.refuse();
  const sending = client.send({ ...ALERT, store: 'outage' });
  await expect.poll(() => retries.length, POLL).toBeGreaterThan(0);
  await database.accept();
  const { uuid } = await sending;
  for (const { error, delayMs } of retries) {
    expect(error).toMatchObject({ status: 503, retryAfterMs: expect.any(Number) });
    expect(delayMs).toBeGreaterThanOrEqual(error instanceof ProblemError ? (error.retryAfterMs ?? 0) : 0);
  }
  const stored = await uuidsOf(client.list({ store: 'outage' }));
  expect(stored).toEqual([uuid]);

  const { client: remote, retries: broken } = connect(`http://127.0.0.1:${network.port}`);
  network.drop();
  const sendingAgain = remote.send({ ...ALERT, store: 'broken' });
  await expect.poll(() => broken.length, POLL).toBeGreaterThan(0);
  await network.accept();
  await sendingAgain;
  expect(broken[0]?.error).toBeInstanceOf(ConnectionError);
  expect(await uuidsOf(client.list({ store: 'broken' }))).toHaveLength(1);
});

it('sends again after a 429, and throws it if the time limit is earlier than Retry-After', OPTIONS, async () => {
  const options = ['--name', 'limited', '--scope', 'write'];
  const created = await runCommand('api/auth/keys-cli.ts', ['create', ...options], { DATABASE_URL: stack.databaseUrl });
  const port = await freePort();
  const env = { PORT: `${port}`, AUTH: 'keys', RATE_LIMIT_PER_KEY: '3' };
  const limited = stack.addService('limited', 'api/index.ts', env);
  await limited.start();
  const { client, retries } = connect(`http://127.0.0.1:${port}`, created.out.trim());
  const errors: unknown[] = [];
  // Retry-After is at least a second.
  for (let count = 0; count < 20; count += 1) {
    await client.send(ALERT, { timeoutMs: 1_000 }).catch((error: unknown) => errors.push(error));
  }
  const limitedBy = { status: 429, type: '/problems/too-many-requests', retryAfterMs: expect.any(Number) };
  expect(errors).toContainEqual(expect.objectContaining(limitedBy));
  const repeatedAfter = (status: number) =>
    retries.filter(({ error }) => error instanceof ProblemError && error.status === status);
  expect(repeatedAfter(429)).toEqual([]);
  expect(await client.send(ALERT)).toMatchObject({ status: 'pending' });
  for (const { error, delayMs } of repeatedAfter(429)) expect(error).toMatchObject({ retryAfterMs: delayMs });
  expect(repeatedAfter(429).length).toBeGreaterThan(0);
});
