import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EVERYONE } from '../../auth/client.ts';
import { createKey, keyAuth } from '../../test/browser.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';

const DAY_MS = 86_400_000;
const found = await findBrowser();

describe.skipIf('missing' in found)('on the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;
  beforeAll(async () => {
    const auth = (db: TestApi['db']) => {
      const keys = keyAuth(db);
      const withKeys = (header: unknown) => header === 'keys';
      return {
        ...(keys === 'off' ? {} : keys),
        clientOf: async (...[req, key]: [Parameters<Exclude<typeof keys, 'off'>['clientOf']>[0], string?]) =>
          withKeys(req.get('x-test-auth')) && keys !== 'off' ? keys.clientOf(req, key) : EVERYONE,
      };
    };
    [api, browser] = await Promise.all([startTestApi({ auth }), launch('path' in found ? found.path : '')]);
    await seed(api.db, { count: 600, ms: DAY_MS, end: Date.now() });
    // Two pages of stores, each with one alert three days ago, and one with a name that could be markup.
    const names = Array.from({ length: 120 }, (_, n) => `silent-${String(n).padStart(3, '0')}`);
    await api.db.alert.createMany({
      data: [...names, '<b>=1+1</b>'].map((store) => ({
        ...{ uuid: crypto.randomUUID(), video: '/videos/a.mp4', timestamp: 1, requestId: 'r', store },
        ...{ status: 'processed' as const, receivedAt: new Date(Date.now() - 3 * DAY_MS), notifiedAt: new Date() },
      })),
    });
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page?.context().close();
    expect(page?.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(path: string, headers: Record<string, string> = {}): Promise<WatchedPage> {
    page = await openPage(browser, [api.url], { extraHTTPHeaders: headers, acceptDownloads: true });
    await goTo(page, api.url + path);
    return page;
  }
  const names = () => page.locator('.store-table td.name').allTextContents();
  const heading = (name: string) => page.getByRole('columnheader', { name });

  it('the overview of the stores is sorted by problems, and by each column', async () => {
    await open('/');
    await page.getByRole('link', { name: 'Stores' }).click();
    await page.locator('.store-table tbody tr').first().waitFor();
    await page.getByText('128 stores, counted').waitFor();
    const failed = async () =>
      (await page.locator('.store-table tbody tr td:nth-child(2)').allTextContents()).map((text) =>
        Number.parseInt(text, 10),
      );
    const counts = await failed();
    expect(counts).toHaveLength(100);
    expect(counts).toEqual([...counts].sort((a, b) => b - a));
    expect(counts[0]).toBeGreaterThan(0);
    await heading('Store').getByRole('button').click();
    await expect.poll(names, POLL_TIMEOUT).toContain('<b>=1+1</b>');
    expect(await heading('Store').getAttribute('aria-sort')).toBe('ascending');
    // By keyboard, and in the other order.
    await page.keyboard.press('Enter');
    await expect.poll(() => heading('Store').getAttribute('aria-sort'), POLL_TIMEOUT).toBe('descending');
    await expect.poll(async () => (await names())[0], POLL_TIMEOUT).toBe('station-west');
    expect(page.url()).toContain('sort=store&order=desc');
    await page.getByLabel('Period').selectOption('7d');
    await page.getByRole('button', { name: 'Load more stores' }).click();
    await expect.poll(async () => (await names()).length, POLL_TIMEOUT).toBe(128);
    expect(new Set(await names()).size).toBe(128);
  });

  it('a store is found by its name, and links to its alerts', async () => {
    await open('/?view=stores');
    await page.getByLabel('Search').pressSequentially('harb');
    await expect.poll(names, POLL_TIMEOUT).toEqual(['harbour-store']);
    const sparkline = page.locator('.store-table svg[role=img]');
    expect(await sparkline.getAttribute('aria-label')).toMatch(/^\d+ alerts, \d+ failed; at most \d+ in 1 h$/);
    await page.locator('.store-table td:nth-child(2) a').click();
    await page.locator('.body .row').first().waitFor();
    expect(new URL(page.url()).search).toBe('?status=failed&store=harbour-store');
    await page.goBack();
    await page.locator('.store-table td.name a').click();
    await page.locator('.body .row').first().waitFor();
    expect(new URL(page.url()).search).toBe('?store=harbour-store');
    await open('/?view=stores&q=nowhere');
    await page.getByText('No store has this name.').waitFor();
  });

  it('the overview of the stores is accessible, and never wider than the screen', async () => {
    await open('/?view=stores');
    await page.locator('.store-table tbody tr').first().waitFor();
    for (const width of [1440, 768, 360]) {
      await page.setViewportSize({ width, height: 800 });
      await expect.poll(() => page.evaluate('innerWidth'), POLL_TIMEOUT).toBe(width);
      expect(await page.evaluate('document.documentElement.scrollWidth'), `${width}`).toBe(width);
      if (width !== 768) await expectAccessible(page);
    }
  });

  it('“Export CSV” downloads the alerts of the filters, with the login of the page', async () => {
    await open('/?store=harbour-store', { 'x-test-auth': 'keys' });
    await page.getByLabel('Key').fill(await createKey(api.db, 'read'));
    await page.getByRole('button', { name: 'Log in' }).click();
    const button = page.getByRole('link', { name: /^Export CSV/ });
    const count = await api.db.alert.count({ where: { store: 'harbour-store' } });
    await expect.poll(() => button.textContent(), POLL_TIMEOUT).toBe(`Export CSV (${count})`);
    const downloads = page.waitForEvent('download');
    await button.click();
    const download = await downloads;
    expect(download.suggestedFilename()).toMatch(/^alerts-\d{4}-\d\d-\d\d\.csv$/);
    const text = await readFile(await download.path(), 'utf8');
    expect(text).toMatch(/^\uFEFFuuid,status,store/);
    expect(text.match(/,harbour-store,/g)).toHaveLength(count);
    expect(page.url()).toBe(`${api.url}/?store=harbour-store`);
    // The page shows why there is no file.
    await page.route('**/alerts/export**', (route) => route.fulfill({ status: 429, headers: { 'retry-after': '10' } }));
    await button.click();
    await page.getByText('Cannot export: too many exports or requests are running. Try again in 10 seconds.').waitFor();
    page.ignoreErrors(/429/);
  });
});
