import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT } from '../dashboard/test/browser.ts';
import { createKey, keyAuth } from './browser.ts';
import { newAlert, startTestApi, type TestApi } from './test-api.ts';

// The login form and Bull Board in Chromium without access to any other host: both pages work, obey their Content
// Security Policy and send no request to another origin.

const found = await findBrowser();

describe.skipIf('missing' in found)('login and Bull Board in a browser', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi({ auth: keyAuth }), launch('path' in found ? found.path : '')]);
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function logIn(path: string, key: string) {
    const page = await openPage(browser, [api.url]);
    await page
      .context()
      .route('**', (route) =>
        route.request().url().startsWith(api.url) ? route.continue() : route.abort('internetdisconnected'),
      );
    await page.goto(`${api.url}${path}`);
    expect(new URL(page.url()).pathname).toBe('/login');
    await page.getByLabel('Key').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
    return page;
  }
  type Page = Awaited<ReturnType<typeof logIn>>;
  const pauseQueue = (page: Page) =>
    page.evaluate(async () => (await fetch('/queues/api/queues/alerts/pause', { method: 'PUT' })).status);

  it('rejects an invalid key, and opens the board with actions for a key with the scope operate', async () => {
    const key = await createKey(api.db, 'read', 'operate', 'write');
    const alert = newAlert();
    await api.post(alert, { authorization: `Bearer ${key}` });
    const page = await logIn('/queues/queue/alerts', 'va_0123456789_wrong');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Key').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText(alert.uuid).first().waitFor();
    expect(new URL(page.url()).pathname).toBe('/queues/queue/alerts');
    expect([await pauseQueue(page), await api.queue.bull().isPaused()]).toEqual([200, true]);
    await api.queue.bull().resume();
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(page.errors).toEqual([]);
    await page.context().close();
  });

  it('shows the board without actions, and rejects them, for a key with the scope read', async () => {
    const page = await logIn('/queues/queue/alerts', await createKey(api.db, 'read'));
    await page.getByText('alerts').first().waitFor();
    expect([await pauseQueue(page), await api.queue.bull().isPaused()]).toEqual([403, false]);
    // Chromium logs the 403 that this test provokes.
    expect(page.errors.filter((error) => !error.includes('status of 403'))).toEqual([]);
    await page.context().close();
  });

  it('lets another origin on the same host change nothing, although the browser has the cookie', async () => {
    const page = await logIn('/queues', await createKey(api.db, 'read', 'operate', 'write'));
    const attacker = createServer((_req, res) => void res.setHeader('content-type', 'text/html').end('<p>evil</p>'));
    await once(attacker.listen(0, '127.0.0.1'), 'listening');
    const { port } = attacker.address() as AddressInfo; // listening on TCP
    await page.context().unroute('**');
    const other = await page.context().newPage();
    await other.goto(`http://127.0.0.1:${port}/`);
    await other.evaluate(async (url) => {
      // The fetch rejects: a page of another origin may not read the response.
      const send = (path: string) =>
        fetch(url + path, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => undefined);
      await send('/logout');
      await send('/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968/retry');
    }, api.url);
    const rejected = () =>
      api.logged
        .filter(({ method, path }) => method === 'POST' && path !== '/login' && path !== '/alerts')
        .map(({ path, status }) => [path, status]);
    await expect.poll(rejected, POLL_TIMEOUT).toEqual([
      ['/logout', 403],
      ['/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968/retry', 403],
    ]);
    await page.goto(`${api.url}/queues`);
    expect(new URL(page.url()).pathname).toBe('/queues');
    attacker.closeAllConnections();
    attacker.close();
    await page.context().close();
  });
});
