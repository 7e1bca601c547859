import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startLocally } from '../harness/local-start.ts';
import { type Process, waitUntilReady } from '../harness/process.ts';

// What a camera and an operator see, whatever the deployment is. It must serve the sample videos.

declare module 'vitest' {
  interface ProvidedContext {
    /** Empty: the tests start the system themselves. */
    baseUrl: string;
    /** Empty: the system at baseUrl requires none. */
    apiKey: string;
  }
}

const KEY: [string, string][] = inject('apiKey') ? [['authorization', `Bearer ${inject('apiKey')}`]] : [];
const RUN = randomUUID().slice(0, 8);
let base = inject('baseUrl').replace(/\/$/, '');
let own: { local: Process; dataDir: string } | undefined;

beforeAll(async () => {
  if (base !== '') return;
  const dataDir = await mkdtemp(join(tmpdir(), 'e2e-'));
  const local = await startLocally({ dataDir });
  own = { local, dataDir };
  await waitUntilReady(local);
  base = local.api;
});

afterAll(async () => {
  if (!own) return;
  await own.local.stop();
  await rm(own.dataDir, { recursive: true, force: true });
});

// biome-ignore lint/suspicious/noExplicitAny: responses of any shape, checked field by field
type Received = { status: number; headers: Headers; body: any };

async function send(path: string, init: RequestInit = {}): Promise<Received> {
  const response = await fetch(base + path, { ...init, headers: { ...Object.fromEntries(KEY), ...init.headers } });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

const alert = (more: Record<string, unknown> = {}) => ({
  uuid: randomUUID(),
  video: '/videos/test_1.avi',
  timestamp: 1748871320.6882,
  store: `e2e-${RUN}`,
  ...more,
});

function post(body: unknown, headers: Record<string, string> = {}): Promise<Received> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return send('/alerts', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text });
}

async function waitUntilFinal(uuid: string): Promise<Received> {
  let received: Received | undefined;
  const notifiedAt = async () => {
    received = await send(`/alerts/${uuid}`);
    return received.body.notified_at;
  };
  await expect.poll(notifiedAt, { timeout: 150_000, interval: 100 }).toEqual(expect.any(String));
  return received as Received; // set by the poll
}

function expectProblem(response: Received, status: number, instance: string): void {
  expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({
    status,
    type: expect.stringMatching(/^application\/problem\+json/),
  });
  expect(response.body).toMatchObject({ status, instance, type: expect.any(String), title: expect.any(String) });
  expect(response.headers.get('x-request-id')).toBe(response.body.request_id);
}

describe('POST /alerts', () => {
  it('accepts a new alert with 202, its location, and the client’s request id', async () => {
    const sent = alert();
    const { status, headers, body } = await post(sent, { 'x-request-id': `e2e.${RUN}` });
    expect(status).toBe(202);
    expect(Object.fromEntries(headers)).toMatchObject({
      location: `/alerts/${sent.uuid}`,
      'retry-after': '1',
      'x-request-id': `e2e.${RUN}`,
    });
    expect(body).toMatchObject({ ...sent, status: 'pending', dispatch: 'queued', resolution: null, attempts: 0 });
  });

  it('creates one alert for ten concurrent requests, and replays the others', async () => {
    const sent = alert();
    const responses = await Promise.all(Array.from({ length: 10 }, () => post(sent)));
    expect(responses.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
    const replays = responses.filter(({ status }) => status === 200);
    expect(replays.every(({ headers }) => headers.get('idempotency-replayed') === 'true')).toBe(true);
    expect((await waitUntilFinal(sent.uuid)).body.attempts).toBe(1);
  });

  it('rejects a different alert with the same uuid with 409, and names the field', async () => {
    const sent = alert();
    await post(sent);
    const response = await post({ ...sent, store: 'other' });
    expectProblem(response, 409, '/alerts');
    expect(response.body.fields).toEqual(['store']);
  });

  it.each([
    ['an unknown field', { extra: 1 }, '#/extra'],
    ['a path to another host', { video: '@evil:80/x.mp4' }, '#/video'],
    ['a path with ..', { video: '/videos/%2e%2e/x.mp4' }, '#/video'],
    ['milliseconds', { timestamp: 1748871320688 }, '#/timestamp'],
    ['an empty store', { store: '' }, '#/store'],
  ])('rejects %s with 422 and a pointer to it', async (_what, more, pointer) => {
    const response = await post(alert(more));
    expectProblem(response, 422, '/alerts');
    expect(response.body.errors).toEqual([expect.objectContaining({ pointer })]);
  });

  it('rejects what it cannot read with 400, 413 or 415', async () => {
    expectProblem(await post('{"uuid":'), 400, '/alerts');
    expectProblem(await post(`"${'x'.repeat(64 * 1024)}"`), 413, '/alerts');
    expectProblem(await post('uuid=1', { 'content-type': 'text/plain' }), 415, '/alerts');
  });

  it.each([
    ['test_1.avi', 'avi', '1280x720'],
    ['test_2.mp4', 'mp4', '1920x1080'],
    ['test_3.mov', 'mov', '540x960'],
    ['test_4.mkv', 'mkv', '854x480'],
    ['test_5.webm', 'webm', '640x360'],
  ])('processes %s to its resolution', async (video, container, resolution) => {
    const sent = alert({ video: `/videos/${video}` });
    expect((await post(sent)).status).toBe(202);
    const { body } = await waitUntilFinal(sent.uuid);
    expect(body).toMatchObject({ status: 'processed', container, resolution, failure: null });
  });

  it('marks the alert of a damaged video as failed, with the reason', async () => {
    const sent = alert({ video: '/videos/broken.mp4' });
    await post(sent);
    const { body } = await waitUntilFinal(sent.uuid);
    expect(body).toMatchObject({ status: 'failed', resolution: null, failure: { code: 'video_unreadable' } });
  });
});

describe('GET /alerts', () => {
  it('sends a final alert with a tag that avoids sending it again, and without Retry-After', async () => {
    const sent = alert();
    await post(sent);
    const { headers } = await waitUntilFinal(sent.uuid);
    expect(headers.get('etag')).toMatch(/^"/);
    expect(headers.has('retry-after')).toBe(false);
    // Its picture follows, and changes the tag.
    const readTwice = async () => {
      const etag = (await send(`/alerts/${sent.uuid}`)).headers.get('etag') ?? '';
      const { status, body } = await send(`/alerts/${sent.uuid}`, { headers: { 'if-none-match': etag } });
      return { status, body };
    };
    await expect.poll(readTwice, { timeout: 150_000 }).toEqual({ status: 304, body: '' });
  });

  it('lists the newest first, in pages without repeated or missing alerts', async () => {
    const store = `e2e-${RUN}-pages`;
    const sent: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const { uuid } = alert();
      await post(alert({ uuid, store }));
      sent.unshift(uuid);
    }
    const seen: string[] = [];
    let next: string | undefined = `/alerts?store=${store}&limit=2`;
    while (next) {
      const { headers, body }: Received = await send(next);
      seen.push(...body.data.map(({ uuid }: { uuid: string }) => uuid));
      next = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
      expect(next === undefined).toBe(body.next_cursor === null);
    }
    expect(seen).toEqual(sent);
  });

  it('returns a problem for what does not exist or is not allowed', async () => {
    const uuid = randomUUID();
    expectProblem(await send(`/alerts/${uuid}`), 404, `/alerts/${uuid}`);
    expectProblem(await send('/alerts/none'), 422, '/alerts/none');
    expectProblem(await send('/nowhere'), 404, '/nowhere');
    const response = await send('/alerts', { method: 'DELETE' });
    expectProblem(response, 405, '/alerts');
    expect(response.headers.get('allow')).toBe('HEAD, GET, POST');
  });
});

describe('the operator', () => {
  it('sees that the system is alive and ready', async () => {
    expect(await send('/livez')).toMatchObject({ status: 200, body: { status: 'alive' } });
    expect(await send('/readyz')).toMatchObject({ status: 200, body: { status: 'ready', checks: { queue: 'ok' } } });
  });

  it('gets an OpenAPI document without broken references', async () => {
    const { status, body } = await send('/openapi.json');
    expect({ status, version: body.openapi }).toEqual({ status: 200, version: expect.stringMatching(/^3\.1\./) });
    expect(body.paths['/alerts']).toMatchObject({ post: { responses: { 202: {} } }, get: { responses: { 200: {} } } });
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(0);
    const typeAt = (reference: string) => typeof reference.split('/').reduce((at, key) => at?.[key], body);
    expect(references.filter((reference) => typeAt(reference) !== 'object')).toEqual([]);
  });

  it('opens Bull Board with only local assets, and with both queues and their counts', async () => {
    const page = await send('/queues');
    expect(page).toMatchObject({ status: 200, body: expect.stringContaining('<title>Bull Dashboard</title>') });
    const links = [...page.body.matchAll(/(?:src|href)="([^":]+\.(?:js|css))"/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(0);
    const [, home = '/queues'] = /<base href="([^"]+)"/.exec(page.body) ?? [];
    for (const link of links) {
      const asset = await fetch(new URL(link, new URL(home, base)), { headers: KEY });
      expect({ link, status: asset.status }).toEqual({ link, status: 200 });
      await asset.arrayBuffer();
    }
    const { body } = await send('/queues/api/queues');
    const queueOf = (name: string) =>
      expect.objectContaining({ name, counts: expect.objectContaining({ failed: expect.any(Number) }) });
    expect(body.queues).toEqual([queueOf('alerts'), queueOf('deliveries')]);
  });
});
