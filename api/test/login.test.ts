import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scope } from '../auth/client.ts';
import { type Answer, ask, keyAuth, keyOf } from './browser.ts';
import { json, startTestApi, type TestApi } from './test-api.ts';

// How a browser gets in, and what it sees of Bull Board.

let api: TestApi;
let proxied: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: keyAuth });
  proxied = await startTestApi({ databaseUrl: api.databaseUrl, auth: keyAuth, trustProxy: 1 });
});
afterAll(() => Promise.all([api.close(), proxied.close()]));

const html = { accept: 'text/html,*/*' };
const cookieOf = ({ headers }: Answer) => String(headers['set-cookie']).split(';', 1)[0] ?? '';

async function logIn(key: string, next = '/queues', headers: Record<string, string> = {}, at = api): Promise<Answer> {
  const own = { origin: at.url, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };
  return ask(`${at.url}/login`, {
    method: 'POST',
    headers: { ...own, ...headers },
    body: `${new URLSearchParams({ key, next })}`,
  });
}

describe('a browser without a key', () => {
  it('is led to the form and, with a key, back to where it wanted to go', async () => {
    const led = await ask(`${api.url}/queues/queue/alerts?status=failed`, { headers: html });
    expect(led.status).toBe(303);
    expect(led.headers.location).toBe('/login?next=%2Fqueues%2Fqueue%2Falerts%3Fstatus%3Dfailed');
    const form = await ask(`${api.url}${led.headers.location}`, { headers: html });
    expect(form.status).toBe(200);
    expect(form.text).toContain('value="/queues/queue/alerts?status=failed"');
    const answer = await logIn(await keyOf(api.db, 'read'), '/queues/queue/alerts?status=failed');
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe('/queues/queue/alerts?status=failed');
    const page = await ask(`${api.url}/queues`, { headers: { ...html, cookie: cookieOf(answer) } });
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining('Bull Dashboard') });
  });

  it('gets a cookie that scripts and other sites do not, and that TLS alone carries where there is TLS', async () => {
    const key = await keyOf(api.db, 'read');
    const [cookie] = (await logIn(key)).headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^alerts-key=va_[^;]+; Max-Age=43200; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
    const tls = { 'x-forwarded-proto': 'https', origin: proxied.url.replace('http', 'https') };
    const answer = await logIn(key, '/queues', tls, proxied);
    const [secure] = answer.headers['set-cookie'] ?? [];
    expect(secure).toMatch(/^__Host-alerts-key=va_.+; HttpOnly; Secure; SameSite=Strict$/);
    const headers = { cookie: cookieOf(answer), 'x-forwarded-proto': 'https' };
    expect((await ask(`${proxied.url}/alerts`, { headers })).status).toBe(200);
  });

  it('is told of a wrong key, and gets no cookie', async () => {
    const answer = await logIn('va_0123456789_wrong');
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers.location).toBe('/login?wrong=1&next=%2Fqueues');
    expect((await ask(`${api.url}${answer.headers.location}`)).text).toContain('Invalid key');
  });

  it.each([
    '//evil.example/',
    '/\\evil.example',
    'https://evil.example/',
    '/%0d%0aset-cookie:x=1',
    'javascript:alert(1)',
    '/x"><script>',
  ])('is led nowhere else by %s', async (next) => {
    const { headers } = await logIn(await keyOf(api.db, 'read'), next);
    const location = String(headers.location);
    expect(new URL(location, api.url).origin).toBe(api.url);
    expect(location).toMatch(/^\/(?!\/|\\)/);
    const form = await ask(`${api.url}/login?${new URLSearchParams({ next })}`);
    expect(form.text).not.toMatch(/evil|"><script|javascript:/);
  });

  it('logs out by a form of ours alone', async () => {
    const cookie = cookieOf(await logIn(await keyOf(api.db, 'read')));
    const answer = await ask(`${api.url}/logout`, { method: 'POST', headers: { cookie, origin: api.url } });
    expect(answer.status).toBe(303);
    expect(String(answer.headers['set-cookie'])).toMatch(/^alerts-key=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect((await ask(`${api.url}/logout`, { headers: { cookie } })).status).toBe(405);
  });

  it('is asked for Basic when it opens an address, never under the feet of a page', async () => {
    const opened = await ask(`${api.url}/alerts`, { headers: { 'sec-fetch-mode': 'navigate' } });
    expect(opened.headers['www-authenticate']).toBe('Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"');
    const script = await ask(`${api.url}/alerts`, { headers: { 'sec-fetch-mode': 'cors' } });
    expect(script.headers['www-authenticate']).toBe('Bearer realm="alerts"');
  });
});

describe('Bull Board', () => {
  const scoped = async (...scopes: Scope[]) => ({ authorization: `Bearer ${await keyOf(api.db, ...scopes)}` });

  it('is read-only for read, by refusal and not by hidden buttons, and acts for operate', async () => {
    const [read, operate] = [await scoped('read'), await scoped('read', 'operate')];
    const shown = async (headers: Record<string, string>) =>
      (await json(await fetch(`${api.url}/queues/api/queues`, { headers }))).queues[0].readOnlyMode;
    expect([await shown(read), await shown(operate)]).toEqual([true, false]);
    const pause = (headers: Record<string, string>) =>
      ask(`${api.url}/queues/api/queues/alerts/pause`, { method: 'PUT', headers });
    expect((await pause(read)).status).toBe(403);
    expect(await api.queue.bull().isPaused()).toBe(false);
    expect((await pause(operate)).status).toBe(200);
    expect(await api.queue.bull().isPaused()).toBe(true);
    await api.queue.bull().resume();
  });
});
