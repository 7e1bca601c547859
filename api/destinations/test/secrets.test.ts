import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open } from '#destinations/secret-box.ts';
import { SECRETS_KEY, startTestApi, type TestApi } from '../../test/test-api.ts';
import { newDestination, pointersOf, type Sent, send } from './destination-client.ts';

const DAY_MS = 86_400_000;

let api: TestApi;
const responses: Sent[] = [];
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function request(method: string, path: string, body?: unknown): Promise<Sent> {
  const response = await send(api, method, path, body);
  responses.push(response);
  return response;
}
const create = (changes: Record<string, unknown> = {}) => request('POST', '/destinations', newDestination(changes));

/** Returns what is stored encrypted. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what tests assert
async function stored(id: string, key: Uint8Array = SECRETS_KEY): Promise<any> {
  const { secrets } = await api.db.destination.findUniqueOrThrow({ where: { id } });
  return secrets === null ? null : open(key, id, secrets);
}

describe('secrets', () => {
  it('are in no response, log line or column in plain text', async () => {
    const secrets = ['hunter2-header', 'hunter2-password', 'hunter2-token', 'T00/B00/hunter2'];
    const [header, password, token, path] = secrets;
    const email = { to: ['a@example.com'], from: 'a@example.com', host: 'smtp.example.com', port: 25, security: 'tls' };
    const bodies = [
      newDestination({ config: { url: 'https://example.com', headers: { Authorization: header } } }),
      newDestination({ kind: 'email', config: { ...email, user: 'u', password } }),
      newDestination({ kind: 'ntfy', config: { topic: 'x', token } }),
      newDestination({ kind: 'slack', config: { url: `https://hooks.slack.com/services/${path}` } }),
    ];
    for (const body of bodies) {
      const { id } = (await request('POST', '/destinations', body)).body;
      await request('GET', `/destinations/${id}`);
      await request('PATCH', `/destinations/${id}`, { config: body.config, filter: { stores: ['a'] } });
      // Invalid in other fields, and with a secret of an invalid type.
      await request('POST', '/destinations', { ...body, name: '', enabled: 'x' });
      await request('POST', '/destinations', body);
      await request('PATCH', `/destinations/${id}`, { config: { ...body.config, nothing: 1 } });
      await request('POST', `/destinations/${id}/rotate-secret`);
    }
    const long = `${header}${'x'.repeat(2_000)}`;
    await create({ kind: 'ntfy', config: { topic: 'x', token: long } });
    await create({ config: { url: `ftp://${password}.example.com/${token}`, headers: { a: `${header}\u0000` } } });
    await request('GET', '/destinations');
    const rows = await api.db.destination.findMany();
    const columns = rows.map(({ secrets: sealed, ...row }) => ({
      ...row,
      sealed: Buffer.from(sealed ?? []).toString('latin1'),
    }));
    const signing = responses.flatMap(({ body }) => body?.signing_secret ?? []);
    expect(signing.length).toBeGreaterThanOrEqual(2);
    const shown = JSON.stringify(
      responses.map(({ body, headers }) => [{ ...body, signing_secret: undefined }, [...headers]]),
    );
    for (const secret of [...secrets, ...signing]) {
      expect(shown).not.toContain(secret);
      expect(JSON.stringify(columns)).not.toContain(secret);
      expect(JSON.stringify(api.logged)).not.toContain(secret);
    }
  });

  it('stay as they are if a PATCH omits them, and are removed by null', async () => {
    const { id } = (await create({ config: { url: 'https://example.com/a', headers: { 'X-Key': 'k' } } })).body;
    const { signing_secret: signing } = await stored(id);
    const changed = await request('PATCH', `/destinations/${id}`, { config: { url: 'https://example.com/b' } });
    expect(changed.body).toMatchObject({
      config: { url: 'https://example.com/b' },
      secrets: ['signing_secret', 'headers'],
    });
    expect(changed.body).not.toHaveProperty('signing_secret');
    expect(await stored(id)).toEqual({ signing_secret: signing, headers: { 'X-Key': 'k' } });
    await request('PATCH', `/destinations/${id}`, { config: { url: 'https://example.com/b', headers: null } });
    expect(await stored(id)).toEqual({ signing_secret: signing });
    const chat = (await create({ kind: 'slack', config: { url: 'https://example.com/1' } })).body;
    await request('PATCH', `/destinations/${chat.id}`, { config: {} });
    expect(await stored(chat.id)).toEqual({ url: 'https://example.com/1' });
    expect(pointersOf(await request('PATCH', `/destinations/${chat.id}`, { config: { url: null } }))).toEqual([
      '#/config/url',
    ]);
  });

  it.each([
    ['webhook', { url: 'https://example.com', headers: { a: 'b' } }, { url: 'https://evil.example' }, 'headers'],
    ['webhook', { url: 'https://example.com', headers: { a: 'b' } }, { url: 'http://example.com' }, 'headers'],
    ['ntfy', { topic: 'a', token: 't' }, { topic: 'a', server: 'https://evil.example' }, 'token'],
    ['mqtt', { url: 'mqtts://a.example', password: 'p' }, { url: 'mqtts://a.example:1' }, 'password'],
    [
      'email',
      { to: ['a@b.example'], from: 'a@b.example', host: 'a.example', port: 25, security: 'tls', password: 'p' },
      { to: ['a@b.example'], from: 'a@b.example', host: 'evil.example', port: 25, security: 'tls' },
      'password',
    ],
  ])('are not sent to another server without being sent again: %s %j', async (kind, config, moved, field) => {
    const { id } = (await create({ kind, config })).body;
    const rejected = await request('PATCH', `/destinations/${id}`, { config: moved });
    expect(rejected.body.errors).toMatchObject([{ pointer: `#/config/${field}`, code: 'secret_required' }]);
    const value = field === 'headers' ? { c: 'd' } : 'new';
    expect((await request('PATCH', `/destinations/${id}`, { config: { ...moved, [field]: value } })).status).toBe(200);
    expect((await stored(id))[field]).toEqual(value);
  });

  it('can be sent again after SECRETS_KEY was lost', async () => {
    const config = { url: 'https://example.com', headers: { a: 'b' } };
    const { id } = (await create({ config })).body;
    const key = randomBytes(32);
    const other = await startTestApi({ databaseUrl: api.databaseUrl, destinations: { secretsKey: key } });
    const shown = (await send(other, 'GET', `/destinations/${id}`)).body;
    expect(shown).toMatchObject({ secrets: [], secrets_error: expect.stringContaining('sealed with the key') });
    expect((await send(other, 'POST', `/destinations/${id}/rotate-secret`)).status).toBe(503);
    expect((await send(other, 'PATCH', `/destinations/${id}`, { filter: { stores: ['a'] } })).status).toBe(200);
    const entered = await send(other, 'PATCH', `/destinations/${id}`, { config });
    expect(entered.body).toMatchObject({ secrets_error: null, signing_secret: expect.stringMatching(/^whsec_/) });
    expect(await stored(id, key)).toMatchObject({
      headers: { a: 'b' },
      signing_secret: { secret: entered.body.signing_secret },
    });
    await other.close();
  });
});

describe('POST /destinations/:id/rotate-secret', () => {
  it('returns a new secret, and keeps the previous one for 24 hours', async () => {
    const { id, signing_secret: first } = (
      await create({ config: { url: 'https://example.com', headers: { a: 'b' } } })
    ).body;
    const { status, body } = await request('POST', `/destinations/${id}/rotate-secret`);
    expect(status).toBe(200);
    expect(body.signing_secret).not.toBe(first);
    const left = Date.parse(body.previous_valid_until) - Date.now();
    expect(left).toBeGreaterThan(DAY_MS - 60_000);
    expect(left).toBeLessThanOrEqual(DAY_MS);
    const valid_until = body.previous_valid_until;
    expect(await stored(id)).toEqual({
      headers: { a: 'b' },
      signing_secret: { secret: body.signing_secret, previous: { secret: first, valid_until } },
    });
  });

  it('rejects other kinds, console and unknown ids', async () => {
    const { id } = (await create({ kind: 'ntfy', config: { topic: 'x' } })).body;
    expect((await request('POST', `/destinations/${id}/rotate-secret`)).body.type).toBe('/problems/no-signing-secret');
    expect((await request('POST', '/destinations/console/rotate-secret')).status).toBe(409);
    expect((await request('POST', `/destinations/${crypto.randomUUID()}/rotate-secret`)).status).toBe(404);
  });
});
