import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

// What a camera and an operator meet, whatever stands behind the door. The house must serve the sample videos.

declare module 'vitest' {
  interface ProvidedContext {
    /** Empty: the tests start a house themselves. */
    baseUrl: string;
    /** Empty: the house at baseUrl asks for none. */
    apiKey: string;
  }
}

const KEY: [string, string][] = inject('apiKey') ? [['authorization', `Bearer ${inject('apiKey')}`]] : [];
const RUN = randomUUID().slice(0, 8);
let base = inject('baseUrl').replace(/\/$/, '');
let own: { child: ChildProcess; dataDir: string } | undefined;

beforeAll(async () => {
  if (base !== '') return;
  const [port, videoPort] = [await freePort(), await freePort()];
  const dataDir = await mkdtemp(join(tmpdir(), 'e2e-'));
  const child = spawn(process.execPath, ['local/start.ts'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH, PORT: `${port}`, VIDEO_PORT: `${videoPort}`, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  own = { child, dataDir };
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith('Ready.')) break;
  }
  if (!lines.at(-1)?.startsWith('Ready.')) throw new Error(`the house did not start:\n${lines.join('\n')}`);
  child.stdout.resume();
  base = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  if (!own) return;
  if (own.child.exitCode === null) {
    own.child.kill('SIGTERM');
    await once(own.child, 'exit');
  }
  await rm(own.dataDir, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape, looked at field by field
type Answer = { status: number; headers: Headers; body: any };

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(base + path, { ...init, headers: { ...Object.fromEntries(KEY), ...init.headers } });
  const text = await answer.text();
  const json = /json/.test(answer.headers.get('content-type') ?? '') && text !== '';
  return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(text) : text };
}

const alert = (more: Record<string, unknown> = {}) => ({
  uuid: randomUUID(),
  video: '/videos/test_1.avi',
  timestamp: 1748871320.6882,
  store: `e2e-${RUN}`,
  ...more,
});

function post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return ask('/alerts', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text });
}

async function final(uuid: string): Promise<Answer> {
  for (const deadline = Date.now() + 45_000; ; ) {
    const answer = await ask(`/alerts/${uuid}`);
    if (answer.body.notified_at) return answer;
    if (Date.now() > deadline) throw new Error(`not final within 45 s: ${JSON.stringify(answer.body)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function expectProblem(answer: Answer, status: number, instance: string): void {
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status,
    type: expect.stringMatching(/^application\/problem\+json/),
  });
  expect(answer.body).toMatchObject({ status, instance, type: expect.any(String), title: expect.any(String) });
  expect(answer.headers.get('x-request-id')).toBe(answer.body.request_id);
}

describe('POST /alerts', () => {
  it('answers a new alert with 202, where to ask, and the id the caller gave the request', async () => {
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

  it('makes one alert of ten that come at once, and replays the rest', async () => {
    const sent = alert();
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(sent)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 202]);
    const replays = answers.filter(({ status }) => status === 200);
    expect(replays.every(({ headers }) => headers.get('idempotency-replayed') === 'true')).toBe(true);
    expect((await final(sent.uuid)).body.attempts).toBe(1);
  });

  it('refuses another alert under the same uuid with 409, naming the field', async () => {
    const sent = alert();
    await post(sent);
    const answer = await post({ ...sent, store: 'other' });
    expectProblem(answer, 409, '/alerts');
    expect(answer.body.fields).toEqual(['store']);
  });

  it.each([
    ['an unknown field', { extra: 1 }, '#/extra'],
    ['a path to another host', { video: '@evil:80/x.mp4' }, '#/video'],
    ['a path that climbs', { video: '/videos/%2e%2e/x.mp4' }, '#/video'],
    ['milliseconds', { timestamp: 1748871320688 }, '#/timestamp'],
    ['an empty store', { store: '' }, '#/store'],
  ])('refuses %s with 422, pointing at it', async (_what, more, pointer) => {
    const answer = await post(alert(more));
    expectProblem(answer, 422, '/alerts');
    expect(answer.body.errors).toEqual([expect.objectContaining({ pointer })]);
  });

  it('refuses what it cannot read: 400, 413, 415', async () => {
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
  ])('sees %s through to its resolution', async (video, container, resolution) => {
    const sent = alert({ video: `/videos/${video}` });
    expect((await post(sent)).status).toBe(202);
    const { body } = await final(sent.uuid);
    expect(body).toMatchObject({ status: 'processed', container, resolution, failure: null });
  });

  it('ends a damaged video as failed, with the reason', async () => {
    const sent = alert({ video: '/videos/broken.mp4' });
    await post(sent);
    const { body } = await final(sent.uuid);
    expect(body).toMatchObject({ status: 'failed', resolution: null, failure: { code: 'video_unreadable' } });
  });
});

describe('GET /alerts', () => {
  it('gives a final alert a tag by which it is not sent again, and no more Retry-After', async () => {
    const sent = alert();
    await post(sent);
    const { headers } = await final(sent.uuid);
    const etag = headers.get('etag') ?? '';
    expect(etag).toMatch(/^"/);
    expect(headers.has('retry-after')).toBe(false);
    const again = await ask(`/alerts/${sent.uuid}`, { headers: { 'if-none-match': etag } });
    expect({ status: again.status, body: again.body }).toEqual({ status: 304, body: '' });
  });

  it('lists the newest first, in pages that neither repeat nor miss', async () => {
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
      const { headers, body }: Answer = await ask(next);
      seen.push(...body.data.map(({ uuid }: { uuid: string }) => uuid));
      next = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
      expect(next === undefined).toBe(body.next_cursor === null);
    }
    expect(seen).toEqual(sent);
  });

  it('answers what is not there or not allowed with a problem', async () => {
    const uuid = randomUUID();
    expectProblem(await ask(`/alerts/${uuid}`), 404, `/alerts/${uuid}`);
    expectProblem(await ask('/alerts/none'), 422, '/alerts/none');
    expectProblem(await ask('/nowhere'), 404, '/nowhere');
    const answer = await ask('/alerts', { method: 'DELETE' });
    expectProblem(answer, 405, '/alerts');
    expect(answer.headers.get('allow')).toBe('HEAD, GET, POST');
  });
});

describe('the operator', () => {
  it('finds the house alive and ready', async () => {
    expect(await ask('/livez')).toMatchObject({ status: 200, body: { status: 'alive' } });
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: { status: 'ready', checks: { queue: 'ok' } } });
  });

  it('gets an OpenAPI document whose references all lead somewhere', async () => {
    const { status, body } = await ask('/openapi.json');
    expect({ status, version: body.openapi }).toEqual({ status: 200, version: expect.stringMatching(/^3\.1\./) });
    expect(body.paths['/alerts']).toMatchObject({ post: { responses: { 202: {} } }, get: { responses: { 200: {} } } });
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(0);
    const led = (reference: string) => typeof reference.split('/').reduce((at, key) => at?.[key], body);
    expect(references.filter((reference) => led(reference) !== 'object')).toEqual([]);
  });

  it('opens Bull Board, all of its page from here, with the queue and its counts', async () => {
    const page = await ask('/queues');
    expect(page).toMatchObject({ status: 200, body: expect.stringContaining('<title>Bull Dashboard</title>') });
    const links = [...page.body.matchAll(/(?:src|href)="([^":]+\.(?:js|css))"/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(0);
    const [, home = '/queues'] = /<base href="([^"]+)"/.exec(page.body) ?? [];
    for (const link of links) {
      const asset = await fetch(new URL(link, new URL(home, base)), { headers: KEY });
      expect({ link, status: asset.status }).toEqual({ link, status: 200 });
      await asset.arrayBuffer();
    }
    const { body } = await ask('/queues/api/queues');
    expect(body.queues).toEqual([
      expect.objectContaining({ name: 'alerts', counts: expect.objectContaining({ failed: expect.any(Number) }) }),
    ]);
  });
});
