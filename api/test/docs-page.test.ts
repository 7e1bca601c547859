import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { ANONYMOUS, type Client } from '../auth/client.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

const KEY = 'va_0123456789_not-a-secret';
const BY_KEY: Client = { id: '0123456789', name: 'test', scopes: new Set(['read', 'write']), stores: undefined };

const found = await findTestProgram(
  { commands: ['chromium', 'chromium-browser', 'google-chrome'], aptPackage: 'chromium' },
  process.env,
);

describe.skipIf('missing' in found)('/docs in a browser', () => {
  let api: TestApi;
  let browser: Browser;
  let page: Page;
  const strange: string[] = [];

  beforeAll(async () => {
    const clientOf = async (req: { get(name: string): string | undefined }) =>
      req.get('authorization') === `Bearer ${KEY}` ? BY_KEY : ANONYMOUS;
    api = await startTestApi({ auth: { clientOf } });
    const executablePath = 'path' in found ? found.path : '';
    // Under a name that counts as secure, as on the internet: some of what Swagger UI does it leaves on loopback.
    const origin = `http://alerts.example:${new URL(api.url).port}`;
    const name = [
      '--host-resolver-rules=MAP alerts.example 127.0.0.1',
      `--unsafely-treat-insecure-origin-as-secure=${origin}`,
    ];
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', ...name] });
    const context = await browser.newContext();
    // The network is cut: only this server is reached.
    await context.route(
      (url) => url.origin !== origin && url.protocol !== 'data:',
      (route) => {
        strange.push(`asks ${route.request().url()}`);
        return route.abort();
      },
    );
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') strange.push(message.text());
    });
    page.on('pageerror', (error) => strange.push(error.message));
    await page.goto(`${origin}/docs`);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  it('shows every operation, without an error and without asking another host', async () => {
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
    expect(strange).toEqual([]);
  });

  it('posts an alert with the key given to Authorize', async () => {
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
    expect(strange).toEqual([]);
  });
});
