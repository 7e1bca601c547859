import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey, createSessionCookie, keyAuth, sendRaw } from './browser.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

// What a page of another site cannot make a browser do, and what CORS permits.

let api: TestApi;
let off: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: keyAuth, corsOrigins: ['https://dashboard.example'] });
  off = await startTestApi({ allowedHosts: ['nas', 'alerts.example.org'], corsOrigins: ['https://dashboard.example'] });
});
afterAll(() => Promise.all([api.close(), off.close()]));

describe('a request from a page of another site', () => {
  const foreignPages = [
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:8080' },
    { origin: 'https://evil.example' },
    { origin: 'http://127.0.0.1:8080' },
    { origin: 'null' },
  ];
  const credentials = async () => {
    const key = await createKey(api.db, 'write', 'read', 'operate');
    return {
      cookie: { cookie: await createSessionCookie(api.db, key) },
      basic: { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` },
    };
  };

  it.each(foreignPages)('changes nothing by cookie or Basic: %j', async (headers) => {
    for (const credential of Object.values(await credentials())) {
      const allHeaders = { ...credential, ...headers, 'content-type': 'application/json' };
      const body = JSON.stringify(newAlert());
      const responses = [
        await sendRaw(`${api.url}/alerts`, { method: 'POST', headers: allHeaders, body }),
        await sendRaw(`${api.url}/alerts/retry`, {
          method: 'POST',
          headers: allHeaders,
          body: '{"filter":{},"dry_run":false}',
        }),
        await sendRaw(`${api.url}/alerts/${newAlert().uuid}/retry`, { method: 'POST', headers: allHeaders }),
        await sendRaw(`${api.url}/queues/api/queues/alerts/clean/completed`, { method: 'PUT', headers: allHeaders }),
        await sendRaw(`${api.url}/queues/api/queues/alerts/pause`, { method: 'PUT', headers: allHeaders }),
        await sendRaw(`${api.url}/logout`, { method: 'POST', headers: allHeaders }),
      ];
      expect(responses.map(({ status }) => status)).toEqual(Array(6).fill(403));
      expect(JSON.parse(responses[0]?.text ?? '')).toMatchObject({ type: '/problems/cross-site' });
    }
    expect(await api.queue.bull().isPaused()).toBe(false);
  });

  it.each(foreignPages)('changes nothing with AUTH=off, where no key is needed: %j', async (headers) => {
    const body = JSON.stringify(newAlert());
    const allHeaders = { ...headers, 'content-type': 'application/json' };
    expect((await sendRaw(`${off.url}/alerts`, { method: 'POST', headers: allHeaders, body })).status).toBe(403);
    expect((await sendRaw(`${off.url}/queues/api/queues/alerts/pause`, { method: 'PUT', headers })).status).toBe(403);
  });

  it('cannot log a browser in with another key', async () => {
    const headers = { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' };
    const response = await sendRaw(`${api.url}/login`, {
      method: 'POST',
      headers,
      body: `key=${await createKey(api.db, 'read')}`,
    });
    expect(response.status).toBe(403);
    expect(response.headers['set-cookie']).toBeUndefined();
  });

  it('is accepted with a Bearer key', async () => {
    const headers = {
      authorization: `Bearer ${await createKey(api.db, 'write')}`,
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    };
    const allHeaders = { ...headers, 'content-type': 'application/json' };
    const response = await sendRaw(`${api.url}/alerts`, {
      method: 'POST',
      headers: allHeaders,
      body: JSON.stringify(newAlert()),
    });
    expect(response.status).toBe(202);
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('is accepted from a page of this host, and from clients that are no browsers', async () => {
    const { cookie, basic } = await credentials();
    const json = { 'content-type': 'application/json' };
    const post = (headers: Record<string, string>) =>
      sendRaw(`${api.url}/alerts`, {
        method: 'POST',
        headers: { ...json, ...headers },
        body: JSON.stringify(newAlert()),
      });
    expect((await post({ ...cookie, origin: api.url })).status).toBe(202);
    expect((await post({ ...cookie, origin: api.url, 'sec-fetch-site': 'same-origin' })).status).toBe(202);
    expect((await post(basic)).status).toBe(202);
    expect((await post(cookie)).status).toBe(403);
  });

  it('is rejected with AUTH=off if its own DNS name points to this host', async () => {
    const { port } = new URL(off.url);
    const sendTo = (host: string) => sendRaw(`${off.url}/alerts`, { headers: { host } });
    for (const host of [
      `rebound.example:${port}`,
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.nip.io',
      'api:8000',
    ]) {
      const response = await sendTo(host);
      expect([host, response.status]).toEqual([host, 421]);
      expect(JSON.parse(response.text)).toMatchObject({ type: '/problems/misdirected' });
    }
    for (const host of [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      'NAS:8000',
      'alerts.example.org',
      '[::1]:8000',
      'alerts.localhost',
    ]) {
      expect([host, (await sendTo(host)).status]).toEqual([host, 200]);
    }
  });
});

describe('CORS', () => {
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

  it('accepts pages of the listed origins with a Bearer key', async () => {
    const origin = 'https://dashboard.example';
    const preflightResponse = await sendRaw(`${api.url}/alerts`, {
      method: 'OPTIONS',
      headers: { ...preflight, origin },
    });
    expect(preflightResponse.status).toBe(204);
    expect(preflightResponse.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': expect.stringContaining('Authorization'),
    });
    const headers = {
      authorization: `Bearer ${await createKey(api.db, 'read')}`,
      origin,
      'sec-fetch-site': 'cross-site',
    };
    const response = await sendRaw(`${api.url}/alerts`, { headers });
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': origin,
      vary: expect.stringContaining('Origin'),
    });
    expect(response.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it.each(['https://evil.example', 'https://dashboard.example.evil.example', 'http://dashboard.example', 'null'])(
    'sends no CORS headers to %s',
    async (origin) => {
      const preflightResponse = await sendRaw(`${api.url}/alerts`, {
        method: 'OPTIONS',
        headers: { ...preflight, origin },
      });
      expect(Object.keys(preflightResponse.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );
});
