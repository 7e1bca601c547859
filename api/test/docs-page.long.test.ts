import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Client } from '../auth/client.ts';
import { findBrowser, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from '../dashboard/test/browser.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

const KEY = 'va_0123456789_not-a-secret';
const BY_KEY: Client = { id: '0123456789', name: 'test', scopes: new Set(['read', 'write']), stores: undefined };

const found = await findBrowser();

describe.skipIf('missing' in found)('/docs in a browser', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;

  beforeAll(async () => {
    const clientOf = async (req: { get(name: string): string | undefined }) =>
      req.get('authorization') === `Bearer ${KEY}` ? BY_KEY : ANONYMOUS;
    api = await startTestApi({ auth: { clientOf } });
    const executablePath = 'path' in found ? found.path : '';
    // A host name that the browser treats as secure, as on the internet: Swagger UI behaves differently on loopback.
    const origin = `http://alerts.example:${new URL(api.url).port}`;
    const args = [
      '--host-resolver-rules=MAP alerts.example 127.0.0.1',
      `--unsafely-treat-insecure-origin-as-secure=${origin}`,
    ];
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
    page = await openPage(browser, [origin]);
    // No other host is reachable.
    await page.context().route(
      (url) => url.origin !== origin && url.protocol !== 'data:',
      (route) => route.abort(),
    );
    await page.goto(`${origin}/docs`);
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  it('shows every operation, without an error and without a request to another host', async () => {
    await page.locator('.opblock').first().waitFor();
    const document = await json(await fetch(`${api.url}/openapi.json`));
    const documented = Object.entries<object>(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((verb) => `${verb.toUpperCase()} ${path}`),
    );
    const shown = await page.locator('.opblock-summary').evaluateAll((blocks) =>
      blocks.map((block) => {
        const text = (name: string) => (block.querySelector(name)?.textContent ?? '').replaceAll('\u200b', '');
        return `${text('.opblock-summary-method')} ${text('.opblock-summary-path')}`;
      }),
    );
    expect(shown.sort()).toEqual(documented.sort());
    expect(page.errors).toEqual([]);
  });

  it('is dark where the system is dark', async () => {
    const background = () =>
      page.evaluate<string>('getComputedStyle(document.querySelector(".swagger-ui")).backgroundColor');
    const lightest = async () => Math.max(...((await background()).match(/\d+/g)?.slice(0, 3).map(Number) ?? []));
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(lightest, POLL_TIMEOUT).toBeLessThan(64);
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(background, POLL_TIMEOUT).toBe('rgba(0, 0, 0, 0)');
  });

  it('posts an alert with the key that was entered in Authorize', async () => {
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const bearer = page.locator('.auth-container').first();
    await bearer.getByLabel('auth-bearer-value').fill(KEY);
    await bearer.getByRole('button', { name: 'Apply credentials' }).click();
    await bearer.getByRole('button', { name: 'Close' }).click();
    const operation = page.locator('#operations-Alerts-postAlert');
    await operation.locator('.opblock-summary').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    const alert = newAlert();
    await operation.locator('textarea').fill(JSON.stringify(alert));
    await operation.getByRole('button', { name: 'Execute' }).click();
    await operation.locator('.live-responses-table .response-col_status', { hasText: '202' }).waitFor();
    expect(await api.db.alert.count({ where: { uuid: alert.uuid } })).toBe(1);
    expect(page.errors).toEqual([]);
  });
});
