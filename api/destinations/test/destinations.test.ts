import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { newDestination, pointersOf, send } from './destination-client.ts';

// Every response is compared with the OpenAPI document by test-api.ts.

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const create = (changes: Record<string, unknown> = {}) => send(api, 'POST', '/destinations', newDestination(changes));

describe('POST /destinations', () => {
  it('creates a destination with defaults and returns its signing secret', async () => {
    const { status, headers, body } = await create({ name: 'plain' });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/destinations/${body.id}`);
    expect(body).toMatchObject({
      ...{
        name: 'plain',
        kind: 'webhook',
        config: { url: 'https://example.com/hook' },
        group: null,
        wait_for_picture: false,
        enabled: true,
      },
      filter: { stores: [], events: [], failure_codes: [] },
      signing_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      ...{ secrets: ['signing_secret'], secrets_error: null },
      health: { state: 'unused', pending: 0, failed: 0 },
    });
    expect(Buffer.from(body.signing_secret.slice(6), 'base64')).toHaveLength(32);
  });

  it.each([
    [
      'email',
      { to: ['a@example.com'], from: 'b@example.com', host: 'smtp.example.com', port: 587, security: 'tls' },
      [],
    ],
    ['ntfy', { topic: 'alerts', token: 'tk_1' }, ['token']],
    ['slack', { url: 'https://hooks.slack.com/services/x' }, ['url']],
    ['teams', { url: 'https://example.com/teams' }, ['url']],
    ['discord', { url: 'https://discord.com/api/webhooks/x' }, ['url']],
    ['mqtt', { url: 'mqtts://broker.example.com', user: 'u', password: 'p' }, ['password']],
  ])('creates one of the kind %s', async (kind, config, secrets) => {
    const { status, body } = await create({ kind, config });
    expect(status).toBe(201);
    expect(body).toMatchObject({ kind, secrets });
    expect(body).not.toHaveProperty('signing_secret');
    for (const secret of secrets) expect(body.config).not.toHaveProperty(secret);
  });

  it('rejects a name that exists, and names it', async () => {
    const first = await create({ name: 'twice' });
    const second = await create({ name: 'twice' });
    expect(second).toMatchObject({
      status: 409,
      body: {
        ...{ type: '/problems/name-taken', detail: 'Another destination has the name twice.' },
        existing: `/destinations/${first.body.id}`,
      },
    });
    expect((await create({ name: 'console' })).body).toMatchObject({ existing: '/destinations/console', status: 409 });
  });

  it('names every invalid field, in config too, and unknown ones', async () => {
    const rejected = await create({
      ...{ name: '', extra: 1, group: { by: 'store', wait_s: -1 } },
      config: { url: 'ftp://example.com', headers: { 'x y': 'z', 'webhook-id': '1' }, color: 'red' },
      filter: { stores: ['\u0000'], events: ['alert.done'], failure_codes: ['nothing'], other: [] },
    });
    expect(rejected.status).toBe(422);
    expect(new Set(pointersOf(rejected))).toEqual(
      new Set([
        ...['#/name', '#/extra', '#/group/wait_s', '#/config/url', '#/config/headers/x y', '#/config/color'],
        ...['#/filter/stores/0', '#/filter/events/0', '#/filter/failure_codes/0', '#/filter/other'],
      ]),
    );
  });

  it.each([
    [{ kind: 'pager' }, ['#/kind']],
    [{ config: null }, ['#/config']],
    [{ kind: 'slack', config: {} }, ['#/config/url']],
    [{ config: { url: 'https://u:p@example.com' } }, ['#/config/url']],
    [{ config: { url: 'https://example.com', template: '{{ data.uuid' } }, ['#/config/template']],
    [{ config: { url: 'https://example.com', template: '{{ data.uuid | nothing }}' } }, ['#/config/template']],
    [{ config: { url: 'https://example.com', template: "{% include '/etc/passwd' %}" } }, ['#/config/template']],
    [
      { config: { url: 'https://example.com', template: '{% for i in (1..99999999) %}x{% endfor %}' } },
      ['#/config/template'],
    ],
  ])('rejects %j', async (changes, pointers) => {
    const rejected = await create(changes);
    expect(rejected.status).toBe(422);
    expect(pointersOf(rejected)).toEqual(pointers);
  });

  it('accepts a template that can be rendered', async () => {
    const template = '{"text": "{{ data.store }}: {{ data.resolution | default: data.failure.code }}"}';
    expect((await create({ config: { url: 'https://example.com', template } })).body.config.template).toBe(template);
  });

  it.each([
    ...[
      'http://127.0.0.1/',
      'http://localhost:9000/',
      'http://10.0.0.1/',
      'http://[::1]/',
      'http://0x7f.1/',
      'http://2130706433/',
    ],
    ...['http://169.254.169.254/latest', 'http://[::ffff:10.0.0.1]/', 'http://a.localhost./', 'http://192.168.1.1./'],
  ])('rejects the blocked address %s', async (url) => {
    const rejected = await create({ config: { url } });
    expect(rejected.body.errors).toMatchObject([{ pointer: '#/config/url', code: 'blocked_address' }]);
    const mqtt = await create({
      kind: 'mqtt',
      config: { url: url.replace('http:', 'mqtt:').replace(/\/latest|\/$/, '') },
    });
    expect(pointersOf(mqtt)).toEqual(['#/config/url']);
    const host = new URL(url).hostname;
    const mail = { to: ['a@example.com'], from: 'b@example.com', port: 25, security: 'tls', host };
    expect(pointersOf(await create({ kind: 'email', config: mail }))).toEqual(['#/config/host']);
  });

  it('explains that SECRETS_KEY is missing, but creates destinations without secrets', async () => {
    const keyless = await startTestApi({ destinations: { secretsKey: undefined } });
    expect(await send(keyless, 'POST', '/destinations', newDestination())).toMatchObject({
      ...{
        status: 503,
        body: { type: '/problems/secrets-unavailable', detail: expect.stringContaining('SECRETS_KEY') },
      },
    });
    const config = { topic: 'alerts' };
    expect((await send(keyless, 'POST', '/destinations', newDestination({ kind: 'ntfy', config }))).status).toBe(201);
    expect(await keyless.db.destination.count()).toBe(1);
    await keyless.close();
  });
});

describe('GET /destinations', () => {
  it('lists console first, the others by name, with their health', async () => {
    const own = await startTestApi();
    await send(own, 'POST', '/destinations', newDestination({ name: 'b' }));
    const { body: a } = await send(own, 'POST', '/destinations', newDestination({ name: 'a' }));
    const rows = ['pending', 'failed', 'failed'] as const;
    await own.db.delivery.createMany({
      data: rows.map((status) => ({ destinationId: a.id, event: 'test', snapshot: {}, status })),
    });
    const { body, headers } = await send(own, 'GET', '/destinations');
    expect(body.data.map(({ name }: { name: string }) => name)).toEqual(['console', 'a', 'b']);
    expect(body.data[0]).toMatchObject({ id: 'console', kind: 'console', builtin: true });
    expect(body.data[1].health).toMatchObject({ pending: 1, failed: 2 });
    expect(headers.get('cache-control')).toBe('private, no-cache');
    expect(headers.get('etag')).toMatch(/^"/);
    await own.close();
  });

  it.each([
    [{ consecutiveFailures: 1, lastError: 'e' }, 'failing'],
    [{ consecutiveFailures: 5, blockedUntil: new Date() }, 'blocked'],
    [{ enabled: false, disabledReason: 'the receiver responded 410 Gone', blockedUntil: new Date() }, 'disabled'],
    [{ lastDeliveredAt: new Date() }, 'ok'],
  ])('shows %j as %s', async (data, state) => {
    const { id } = (await create()).body;
    await api.db.destination.update({ where: { id }, data });
    expect((await send(api, 'GET', `/destinations/${id}`)).body.health.state).toBe(state);
  });

  it('returns 404 for an unknown id and 422 for one that is no UUID', async () => {
    expect((await send(api, 'GET', `/destinations/${randomUUID()}`)).status).toBe(404);
    expect(pointersOf(await send(api, 'GET', '/destinations/x'))).toEqual(['#/id']);
    expect((await send(api, 'GET', '/destinations/console')).body).toMatchObject({ builtin: true });
  });
});

describe('PATCH /destinations/:id', () => {
  const patch = (id: string, body: unknown) => send(api, 'PATCH', `/destinations/${id}`, body);

  it('changes the given fields only', async () => {
    const group = { by: 'store', wait_s: 5, interval_s: 60 };
    const { id } = (await create({ group, wait_for_picture: true })).body;
    const filter = { stores: ['a'], events: ['alert.late'], failure_codes: ['video_timeout'] };
    expect((await patch(id, { filter })).body).toMatchObject({
      ...{ filter, group, enabled: true },
      wait_for_picture: true,
    });
    expect((await patch(id, { wait_for_picture: false })).body).toMatchObject({ group, wait_for_picture: false });
    expect((await patch(id, { group: null })).body).toMatchObject({ filter, group: null });
    expect((await patch(id, { name: `renamed ${id}` })).body).toMatchObject({ name: `renamed ${id}`, filter });
    expect((await patch(id, {})).body).toMatchObject({ name: `renamed ${id}`, filter, group: null });
  });

  it('rejects the kind, invalid fields, a taken name, an unknown id and console', async () => {
    const { id } = (await create()).body;
    const other = (await create()).body;
    expect(pointersOf(await patch(id, { kind: 'slack', enabled: 1, config: { url: 'x' } })).toSorted()).toEqual([
      ...['#/config/url', '#/enabled', '#/kind'],
    ]);
    expect((await patch(id, { name: other.name })).body).toMatchObject({ existing: `/destinations/${other.id}` });
    expect((await patch(randomUUID(), { enabled: true })).status).toBe(404);
    expect((await patch('console', { enabled: false })).body.type).toBe('/problems/builtin-destination');
  });

  it('disables, and spreads what is pending when it enables again', async () => {
    const { id } = (await create()).body;
    expect((await patch(id, { enabled: false })).body).toMatchObject({
      ...{ enabled: false, disabled_reason: null, disabled_at: expect.any(String), health: { state: 'disabled' } },
    });
    const data = Array.from({ length: 3 }, (_, n) => ({
      ...{ destinationId: id, event: 'test', snapshot: {}, createdAt: new Date(Date.now() - 1_000 * (10 - n)) },
    }));
    await api.db.delivery.createMany({ data });
    expect((await patch(id, { enabled: true })).body).toMatchObject({ enabled: true, disabled_at: null });
    const rows = await api.db.delivery.findMany({ where: { destinationId: id }, orderBy: { createdAt: 'asc' } });
    const times = rows.map(({ nextAttemptAt }) => nextAttemptAt.getTime());
    // 20 per second.
    expect([(times[1] ?? 0) - (times[0] ?? 0), (times[2] ?? 0) - (times[1] ?? 0)]).toEqual([50, 50]);
  });
});

describe('DELETE /destinations/:id', () => {
  it('deletes the destination with its deliveries', async () => {
    const { id } = (await create()).body;
    await api.db.delivery.create({ data: { destinationId: id, event: 'test', snapshot: {} } });
    expect(await send(api, 'DELETE', `/destinations/${id}`)).toMatchObject({ status: 204, body: undefined });
    expect((await send(api, 'DELETE', `/destinations/${id}`)).status).toBe(404);
    expect(await api.db.delivery.count({ where: { destinationId: id } })).toBe(0);
    expect((await send(api, 'DELETE', '/destinations/console')).status).toBe(409);
  });
});
