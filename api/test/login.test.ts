import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revokeKey } from '#prisma/keys.ts';
import type { Scope } from '../auth/client.ts';
import { createKey, createSessionCookie, keyAuth, type RawResponse, sendRaw } from './browser.ts';
import { json, POLL, startTestApi, type TestApi } from './test-api.ts';

// How a browser logs in, and what it sees of Bull Board.

let api: TestApi;
let proxied: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: keyAuth });
  proxied = await startTestApi({ databaseUrl: api.databaseUrl, auth: keyAuth, trustProxy: 1 });
});
afterAll(() => Promise.all([api.close(), proxied.close()]));

const html = { accept: 'text/html,*/*' };
const cookieOf = ({ headers }: RawResponse) => String(headers['set-cookie']).split(';', 1)[0] ?? '';

async function logIn(
  key: string,
  next = '/queues',
  headers: Record<string, string> = {},
  at = api,
): Promise<RawResponse> {
  const own = { origin: at.url, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };
  return sendRaw(`${at.url}/login`, {
    method: 'POST',
    headers: { ...own, ...headers },
    body: `${new URLSearchParams({ key, next })}`,
  });
}

describe('a browser without a key', () => {
  it('is redirected to the form and, with a key, back to the page', async () => {
    const redirected = await sendRaw(`${api.url}/queues/queue/alerts?status=failed`, { headers: html });
    expect(redirected.status).toBe(303);
    expect(redirected.headers.location).toBe('/login?next=%2Fqueues%2Fqueue%2Falerts%3Fstatus%3Dfailed');
    const form = await sendRaw(`${api.url}${redirected.headers.location}`, { headers: html });
    expect(form.status).toBe(200);
    expect(form.text).toContain('value="/queues/queue/alerts?status=failed"');
    const response = await logIn(await createKey(api.db, 'read'), '/queues/queue/alerts?status=failed');
    expect(response.status).toBe(303);
    expect(response.headers.location).toBe('/queues/queue/alerts?status=failed');
    const page = await sendRaw(`${api.url}/queues`, { headers: { ...html, cookie: cookieOf(response) } });
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining('Bull Dashboard') });
  });

  it('gets a cookie that is HttpOnly, SameSite and, with TLS, Secure', async () => {
    const key = await createKey(api.db, 'read');
    const [cookie] = (await logIn(key)).headers['set-cookie'] ?? [];
    expect(cookie).toMatch(
      /^alerts-session=[\w-]{43}; Max-Age=43200; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
    );
    const tls = { 'x-forwarded-proto': 'https', origin: proxied.url.replace('http', 'https') };
    const response = await logIn(key, '/queues', tls, proxied);
    const [secure] = response.headers['set-cookie'] ?? [];
    expect(secure).toMatch(/^__Host-alerts-session=[\w-]{43};.+; HttpOnly; Secure; SameSite=Strict$/);
    const headers = { cookie: cookieOf(response), 'x-forwarded-proto': 'https' };
    expect((await sendRaw(`${proxied.url}/alerts`, { headers })).status).toBe(200);
  });

  it('sees an error for an invalid key, and gets no cookie', async () => {
    const response = await logIn('va_0123456789_wrong');
    expect(response.headers['set-cookie']).toBeUndefined();
    expect(response.headers.location).toBe('/login?wrong=1&next=%2Fqueues');
    expect((await sendRaw(`${api.url}${response.headers.location}`)).text).toContain('Invalid key');
  });

  it.each([
    '//evil.example/',
    '/\\evil.example',
    'https://evil.example/',
    '/%0d%0aset-cookie:x=1',
    'javascript:alert(1)',
    '/x"><script>',
  ])('is not redirected to another host by %s', async (next) => {
    const { headers } = await logIn(await createKey(api.db, 'read'), next);
    const location = String(headers.location);
    expect(new URL(location, api.url).origin).toBe(api.url);
    expect(location).toMatch(/^\/(?!\/|\\)/);
    const form = await sendRaw(`${api.url}/login?${new URLSearchParams({ next })}`);
    expect(form.text).not.toMatch(/evil|"><script|javascript:/);
  });

  it('logs out by POST only', async () => {
    const cookie = cookieOf(await logIn(await createKey(api.db, 'read')));
    const response = await sendRaw(`${api.url}/logout`, { method: 'POST', headers: { cookie, origin: api.url } });
    expect(response.status).toBe(303);
    expect(String(response.headers['set-cookie'])).toMatch(/^alerts-session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect((await sendRaw(`${api.url}/logout`, { headers: { cookie } })).status).toBe(405);
  });

  it('gets a Basic challenge when a person opens a URL, not when a script sends the request', async () => {
    const opened = await sendRaw(`${api.url}/alerts`, { headers: { 'sec-fetch-mode': 'navigate' } });
    expect(opened.headers['www-authenticate']).toBe('Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"');
    const script = await sendRaw(`${api.url}/alerts`, { headers: { 'sec-fetch-mode': 'cors' } });
    expect(script.headers['www-authenticate']).toBe('Bearer realm="alerts"');
  });
});

describe('the cookie', () => {
  const json = { accept: 'application/json' };
  const statusWith = async (headers: Record<string, string>) =>
    (await sendRaw(`${api.url}/alerts`, { headers: { ...json, ...headers } })).status;
  const tokenOf = (cookie: string) => cookie.split('=')[1] ?? '';

  it('is no key: it contains none, and no Authorization header may carry it', async () => {
    const key = await createKey(api.db, 'read');
    const cookie = cookieOf(await logIn(key));
    expect(await statusWith({ cookie })).toBe(200);
    // The secret can contain underscores, too.
    expect(decodeURIComponent(cookie)).not.toContain(key.split('_').slice(2).join('_'));
    expect(await statusWith({ authorization: `Bearer ${tokenOf(cookie)}` })).toBe(401);
    const basic = Buffer.from(`x:${tokenOf(cookie)}`).toString('base64');
    expect(await statusWith({ authorization: `Basic ${basic}` })).toBe(401);
    expect(await statusWith({ cookie: `alerts-session=${key}` })).toBe(401);
    expect(await statusWith({ cookie: `alerts-key=${key}` })).toBe(401);
  });

  it('is a new one after each login, and the one before is no longer valid', async () => {
    const key = await createKey(api.db, 'read');
    const first = cookieOf(await logIn(key));
    const second = cookieOf(await logIn(key, '/', { cookie: first }));
    expect(second).not.toBe(first);
    expect([await statusWith({ cookie: first }), await statusWith({ cookie: second })]).toEqual([401, 200]);
  });

  it('is no longer valid after the logout, for those who copied it too', async () => {
    const cookie = cookieOf(await logIn(await createKey(api.db, 'read')));
    expect(await statusWith({ cookie })).toBe(200);
    await sendRaw(`${api.url}/logout`, { method: 'POST', headers: { cookie, origin: api.url } });
    expect(await statusWith({ cookie })).toBe(401);
  });

  it('is no longer valid once its key is revoked', async () => {
    const key = await createKey(api.db, 'read');
    const cookie = cookieOf(await logIn(key));
    expect(await statusWith({ cookie })).toBe(200);
    await revokeKey(api.db, key.split('_')[1] ?? '');
    await expect.poll(() => statusWith({ cookie }), POLL).toBe(401);
    const page = await sendRaw(`${api.url}/queues`, { headers: { ...html, cookie } });
    expect([page.status, page.headers.location]).toEqual([303, '/login?next=%2Fqueues']);
  });

  it('expires by the clock of the server', async () => {
    const cookie = cookieOf(await logIn(await createKey(api.db, 'read')));
    expect(await statusWith({ cookie })).toBe(200);
    await api.db.session.updateMany({ data: { expiresAt: new Date(Date.now() - 1) } });
    await expect.poll(() => statusWith({ cookie }), POLL).toBe(401);
  });

  it('is kept for the 20 latest logins of a key, and only as a hash', async () => {
    const key = await createKey(api.db, 'read');
    const cookies: string[] = [];
    for (let n = 0; n < 22; n += 1) cookies.push(cookieOf(await logIn(key)));
    const rows = await api.db.session.findMany({ where: { keyId: key.split('_')[1] ?? '' } });
    expect(rows).toHaveLength(20);
    expect(JSON.stringify(rows)).not.toContain(tokenOf(cookies[21] ?? ''));
    expect([await statusWith({ cookie: cookies[0] ?? '' }), await statusWith({ cookie: cookies[21] ?? '' })]).toEqual([
      401, 200,
    ]);
  });
});

describe('on the host name of the video server, which gets the same cookies,', () => {
  let shared: TestApi;
  let named: TestApi;
  beforeAll(async () => {
    const options = { databaseUrl: api.databaseUrl, auth: keyAuth };
    shared = await startTestApi({ ...options, videos: 'http://localhost:8080' });
    named = await startTestApi({ ...options, videos: 'https://alerts.example.com:8443' });
  });
  afterAll(() => Promise.all([shared.close(), named.close()]));

  it('a browser is redirected to the other name of this machine before it logs in', async () => {
    const { port } = new URL(shared.url);
    const headers = { ...html, host: `localhost:${port}` };
    const redirected = await sendRaw(`${shared.url}/login?next=%2Fqueues`, { headers });
    expect([redirected.status, redirected.headers.location]).toEqual([303, `${shared.url}/login?next=%2Fqueues`]);
    const form = await sendRaw(String(redirected.headers.location), { headers: html });
    expect(form.status).toBe(200);
  });

  it('nobody can log in', async () => {
    const headers = { host: 'alerts.example.com', origin: 'http://alerts.example.com' };
    const response = await logIn(await createKey(api.db, 'read'), '/', headers, named);
    expect([response.status, response.headers['set-cookie']]).toEqual([421, undefined]);
    expect(response.text).toContain('VIDEO_PUBLIC_URL');
    const page = await sendRaw(`${named.url}/login`, { headers: { ...html, host: 'alerts.example.com' } });
    expect(page).toMatchObject({ status: 421, text: expect.stringMatching(/^<!doctype html>[\s\S]*VIDEO_PUBLIC_URL/) });
  });
});

describe('Bull Board', () => {
  it('shows a page, not JSON, to the browser of a key that may not open it', async () => {
    const key = await createKey(api.db, 'read');
    await api.db.apiKey.update({ where: { id: key.split('_')[1] ?? '' }, data: { stores: ['<one>'] } });
    const headers = { cookie: await createSessionCookie(api.db, key) };
    const page = await sendRaw(`${api.url}/queues`, { headers: { ...headers, ...html } });
    expect(page).toMatchObject({ status: 403, text: expect.stringMatching(/^<!doctype html>[\s\S]*limited to some/) });
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const program = await sendRaw(`${api.url}/queues/api/queues`, { headers: { ...headers, ...html } });
    expect(JSON.parse(program.text)).toMatchObject({ type: '/problems/forbidden' });
  });

  const headersFor = async (...scopes: Scope[]) => ({ authorization: `Bearer ${await createKey(api.db, ...scopes)}` });

  it('rejects actions with the scope read and executes them with operate', async () => {
    const [read, operate] = [await headersFor('read'), await headersFor('read', 'operate')];
    const isReadOnly = async (headers: Record<string, string>) =>
      (await json(await fetch(`${api.url}/queues/api/queues`, { headers }))).queues[0].readOnlyMode;
    expect([await isReadOnly(read), await isReadOnly(operate)]).toEqual([true, false]);
    const pause = (headers: Record<string, string>) =>
      sendRaw(`${api.url}/queues/api/queues/alerts/pause`, { method: 'PUT', headers });
    expect((await pause(read)).status).toBe(403);
    expect(await api.queue.bull().isPaused()).toBe(false);
    expect((await pause(operate)).status).toBe(200);
    expect(await api.queue.bull().isPaused()).toBe(true);
    await api.queue.bull().resume();
  });
});
