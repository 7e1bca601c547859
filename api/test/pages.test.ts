import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, launch, openPage } from '../dashboard/test/browser.ts';
import { keyAuth, keyOf } from './browser.ts';
import { eventually, newAlert, startTestApi, type TestApi } from './test-api.ts';

// Login and Bull Board in a real Chromium that reaches this api and nothing else: every page obeys its CSP, asks no other
// host for anything, and works all the same.

const found = await findBrowser();

describe.skipIf('missing' in found)('in a browser with the network cut', () => {
  let api: TestApi;
  let browser: Browser;
  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi({ auth: keyAuth }), launch('path' in found ? found.path : '')]);
  });
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

  it('the form tells of a wrong key, and leads a good one to the board, which acts for operate', async () => {
    const key = await keyOf(api.db, 'read', 'operate', 'write');
    const alert = newAlert();
    await api.post(alert, { authorization: `Bearer ${key}` });
    const page = await logIn('/queues/queue/alerts', 'va_0123456789_wrong');
    await page.getByRole('alert').getByText('This key is not good').waitFor();
    await page.getByLabel('Key').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText(alert.uuid).first().waitFor();
    expect(new URL(page.url()).pathname).toBe('/queues/queue/alerts');
    const paused = await page.evaluate(
      async () => (await fetch('/queues/api/queues/alerts/pause', { method: 'PUT' })).status,
    );
    expect([paused, await api.queue.bull().isPaused()]).toEqual([200, true]);
    await api.queue.bull().resume();
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  it('the board of read shows no actions and refuses them', async () => {
    const page = await logIn('/queues/queue/alerts', await keyOf(api.db, 'read'));
    await page.getByText('alerts').first().waitFor();
    const paused = await page.evaluate(
      async () => (await fetch('/queues/api/queues/alerts/pause', { method: 'PUT' })).status,
    );
    expect([paused, await api.queue.bull().isPaused()]).toEqual([403, false]);
    // Chromium itself tells of the 403 that was asked for.
    expect(page.faults.filter((fault) => !fault.includes('status of 403'))).toEqual([]);
    await page.context().close();
  });

  it('another origin on this very host makes it change nothing, cookie or not', async () => {
    const page = await logIn('/queues', await keyOf(api.db, 'read', 'operate', 'write'));
    const evil = createServer((_req, res) => void res.setHeader('content-type', 'text/html').end('<p>evil</p>'));
    await once(evil.listen(0, '127.0.0.1'), 'listening');
    const { port } = evil.address() as AddressInfo; // listening on TCP
    await page.context().unroute('**');
    const other = await page.context().newPage();
    await other.goto(`http://127.0.0.1:${port}/`);
    await other.evaluate(async (url) => {
      // What is answered it may not even see: the fetch fails behind the answer.
      const send = (path: string) =>
        fetch(url + path, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => undefined);
      await send('/logout');
      await send('/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968/retry');
    }, api.url);
    const refused = await eventually(async () => {
      const withQueueTimeout = api.logged.filter(
        ({ method, path }) => method === 'POST' && path !== '/login' && path !== '/alerts',
      );
      return withQueueTimeout.length >= 2 ? withQueueTimeout : undefined;
    });
    expect(refused.map(({ path, status }) => [path, status])).toEqual([
      ['/logout', 403],
      ['/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968/retry', 403],
    ]);
    await page.goto(`${api.url}/queues`);
    expect(new URL(page.url()).pathname).toBe('/queues');
    evil.closeAllConnections();
    evil.close();
    await page.context().close();
  });
});
