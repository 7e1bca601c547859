import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, keyAuth, keyOf } from './browser.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

// What another site's page cannot make a browser do, and what CORS lets it do.

let api: TestApi;
let off: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: keyAuth, corsOrigins: ['https://dashboard.example'] });
  off = await startTestApi({ corsOrigins: ['https://dashboard.example'] });
});
afterAll(() => Promise.all([api.close(), off.close()]));

describe('a request from a page of another site', () => {
  const elsewhere = [
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:8080' },
    { origin: 'https://evil.example' },
    { origin: 'http://127.0.0.1:8080' },
    { origin: 'null' },
  ];
  const ways = async () => {
    const key = await keyOf(api.db, 'write', 'read', 'operate');
    return {
      cookie: { cookie: `alerts-key=${key}` },
      basic: { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` },
    };
  };

  it.each(elsewhere)('changes nothing by cookie or Basic: %j', async (headers) => {
    for (const way of Object.values(await ways())) {
      const all = { ...way, ...headers, 'content-type': 'application/json' };
      const body = JSON.stringify(newAlert());
      const answers = [
        await ask(`${api.url}/alerts`, { method: 'POST', headers: all, body }),
        await ask(`${api.url}/alerts/retry`, { method: 'POST', headers: all, body: '{"filter":{},"dry_run":false}' }),
        await ask(`${api.url}/alerts/${newAlert().uuid}/retry`, { method: 'POST', headers: all }),
        await ask(`${api.url}/queues/api/queues/alerts/clean/completed`, { method: 'PUT', headers: all }),
        await ask(`${api.url}/queues/api/queues/alerts/pause`, { method: 'PUT', headers: all }),
        await ask(`${api.url}/logout`, { method: 'POST', headers: all }),
      ];
      expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(403));
      expect(JSON.parse(answers[0]?.text ?? '')).toMatchObject({ type: '/problems/cross-site' });
    }
    expect(await api.queue.bull().isPaused()).toBe(false);
  });

  it.each(elsewhere)('changes nothing with AUTH=off, where no key is needed: %j', async (headers) => {
    const body = JSON.stringify(newAlert());
    const all = { ...headers, 'content-type': 'application/json' };
    expect((await ask(`${off.url}/alerts`, { method: 'POST', headers: all, body })).status).toBe(403);
    expect((await ask(`${off.url}/queues/api/queues/alerts/pause`, { method: 'PUT', headers })).status).toBe(403);
  });

  it('logs nobody in under another name', async () => {
    const headers = { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await ask(`${api.url}/login`, {
      method: 'POST',
      headers,
      body: `key=${await keyOf(api.db, 'read')}`,
    });
    expect(answer.status).toBe(403);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('needs a Bearer key, which only its owner has', async () => {
    const headers = {
      authorization: `Bearer ${await keyOf(api.db, 'write')}`,
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    };
    const all = { ...headers, 'content-type': 'application/json' };
    const answer = await ask(`${api.url}/alerts`, { method: 'POST', headers: all, body: JSON.stringify(newAlert()) });
    expect(answer.status).toBe(202);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('is served from a page of our own, and to programs without one', async () => {
    const { cookie, basic } = await ways();
    const json = { 'content-type': 'application/json' };
    const post = (headers: Record<string, string>) =>
      ask(`${api.url}/alerts`, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(newAlert()) });
    expect((await post({ ...cookie, origin: api.url })).status).toBe(202);
    expect((await post({ ...cookie, origin: api.url, 'sec-fetch-site': 'same-origin' })).status).toBe(202);
    expect((await post(basic)).status).toBe(202);
    expect((await post(cookie)).status).toBe(403);
  });

  it('cannot lead a name of its own here while AUTH is off', async () => {
    const { port } = new URL(off.url);
    const at = (host: string) => ask(`${off.url}/alerts`, { headers: { host } });
    for (const host of [`rebound.example:${port}`, 'evil.example', 'localhost.evil.example', '127.0.0.1.nip.io']) {
      const answer = await at(host);
      expect([host, answer.status]).toEqual([host, 421]);
      expect(JSON.parse(answer.text)).toMatchObject({ type: '/problems/misdirected' });
    }
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'api:8000', '[::1]:8000', 'alerts.localhost']) {
      expect([host, (await at(host)).status]).toEqual([host, 200]);
    }
  });
});

describe('CORS', () => {
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

  it('lets pages of the listed origins in, with a Bearer key', async () => {
    const origin = 'https://dashboard.example';
    const asked = await ask(`${api.url}/alerts`, { method: 'OPTIONS', headers: { ...preflight, origin } });
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': expect.stringContaining('Authorization'),
    });
    const headers = { authorization: `Bearer ${await keyOf(api.db, 'read')}`, origin, 'sec-fetch-site': 'cross-site' };
    const answer = await ask(`${api.url}/alerts`, { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      vary: expect.stringContaining('Origin'),
    });
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it.each(['https://evil.example', 'https://dashboard.example.evil.example', 'http://dashboard.example', 'null'])(
    'says nothing to %s',
    async (origin) => {
      const asked = await ask(`${api.url}/alerts`, { method: 'OPTIONS', headers: { ...preflight, origin } });
      expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );
});
