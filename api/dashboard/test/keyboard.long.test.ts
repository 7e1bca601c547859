import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';

const ALERTS = 1_500;
const TOTAL = `${ALERTS.toLocaleString('en-GB')} alerts in total`;
const found = await findBrowser();

describe.skipIf('missing' in found)('the operator’s page by keyboard', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;

  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
    await seed(api.db, { count: ALERTS, ms: 3_600_000, end: Date.now() });
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(): Promise<WatchedPage> {
    page = await openPage(browser, [api.url]);
    await goTo(page, `${api.url}/`);
    await rows(page).first().waitFor();
    return page;
  }
  const rows = (page: WatchedPage) => page.locator('.body .row');
  /** Returns an attribute of the focused element. */
  const focused = (page: WatchedPage, attribute: string): Promise<string | null> =>
    page.evaluate(`document.activeElement.getAttribute('${attribute}')`);
  const tabToList = async (page: WatchedPage) => {
    for (let n = 0; n < 24 && !(await focused(page, 'href'))?.startsWith('/?alert='); n += 1) {
      await page.keyboard.press('Tab');
    }
  };

  it('reaches the list, moves along it, opens an alert and returns', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    await expect.poll(() => focused(page, 'class'), POLL_TIMEOUT).toBe('skip');
    await page.keyboard.press('Enter');
    await tabToList(page);
    const urlOf = async (n: number) => rows(page).nth(n).locator('a').getAttribute('href');
    await expect.poll(() => focused(page, 'href'), POLL_TIMEOUT).toBe(await urlOf(0));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => focused(page, 'href'), POLL_TIMEOUT).toBe(await urlOf(1));
    await page.keyboard.press('Enter');
    await page.locator('.timeline').waitFor();
    await expect.poll(() => focused(page, 'id'), POLL_TIMEOUT).toBe('detail-title');
    expect(page.url()).toBe(api.url + (await urlOf(1)));
    await page.keyboard.press('Escape');
    await page.locator('.detail').waitFor({ state: 'detached' });
    await expect.poll(() => focused(page, 'href'), POLL_TIMEOUT).toBe(await urlOf(1));
    expect(page.url()).toBe(`${api.url}/`);
    // One key leaves the list, not one key per row.
    await page.keyboard.press('Tab');
    await expect.poll(() => focused(page, 'href'), POLL_TIMEOUT).toBeNull();
  });

  it('shows which element has the focus', async () => {
    const page = await open();
    for (let n = 0; n < 24; n += 1) {
      await page.keyboard.press('Tab');
      // One evaluation for both: the page may render between two.
      const [outline, element] = await page.evaluate<[string, string]>(`(() => {
        const { activeElement: of } = document;
        return [getComputedStyle(of, of.matches('.body .row a') && '::after').outlineStyle, of.outerHTML.slice(0, 300)];
      })()`);
      expect(outline, element).not.toBe('none');
    }
  });

  it('loads older alerts without losing the focus', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const text = () => page.evaluate<string>('document.activeElement.textContent.trim()');
    await tabToList(page);
    await page.keyboard.press('Tab');
    while ((await text()) !== TOTAL) {
      expect(await text()).toMatch(/^(Load older alerts|Loading …|[\d,]+ alerts in total)$/);
      await page.keyboard.press('Enter');
    }
  });
});
