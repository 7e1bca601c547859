import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';

const ALERTS = 1_500;
const found = await findBrowser();

describe.skipIf('missing' in found)('the operator’s page by keyboard', () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;

  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
    await seed(api.db, { count: ALERTS, ms: 3_600_000, end: Date.now() });
  });
  afterEach(async () => {
    await page.context().close();
    expect(page.faults).toEqual([]);
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
  /** Of what has the focus. */
  const focused = (page: WatchedPage, attribute: string): Promise<string | null> =>
    page.evaluate(`document.activeElement.getAttribute('${attribute}')`);

  it('is walked: to the list, along it, into an alert and back', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    expect(await focused(page, 'class')).toBe('skip');
    await page.keyboard.press('Enter');
    for (let n = 0; n < 12 && !(await focused(page, 'href'))?.startsWith('/?alert='); n += 1) {
      await page.keyboard.press('Tab');
    }
    const addressOf = async (n: number) => rows(page).nth(n).locator('a').getAttribute('href');
    expect(await focused(page, 'href')).toBe(await addressOf(0));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    expect(await focused(page, 'href')).toBe(await addressOf(1));
    await page.keyboard.press('Enter');
    await page.locator('.timeline').waitFor();
    expect(await focused(page, 'id')).toBe('detail-title');
    expect(page.url()).toBe(api.url + (await addressOf(1)));
    await page.keyboard.press('Escape');
    await page.locator('.detail').waitFor({ state: 'detached' });
    await expect.poll(() => focused(page, 'href')).toBe(await addressOf(1));
    expect(page.url()).toBe(`${api.url}/`);
    // Out of the list with one key, not with one for each row.
    await page.keyboard.press('Tab');
    expect(await focused(page, 'href')).toBeNull();
  });

  it('shows where the focus is', async () => {
    const page = await open();
    for (let n = 0; n < 24; n += 1) {
      await page.keyboard.press('Tab');
      // In one look: between two the page may have drawn something new.
      const [outline, element] = await page.evaluate<[string, string]>(`(() => {
        const { activeElement: of } = document;
        return [getComputedStyle(of, of.closest('.row') && '::after').outlineStyle, of.outerHTML.slice(0, 300)];
      })()`);
      expect(outline, element).not.toBe('none');
    }
  });

  it('loads older alerts, and nobody falls off the button that does', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const text = () => page.evaluate<string>('document.activeElement.textContent.trim()');
    while (!(await focused(page, 'href'))?.startsWith('/?alert=')) await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    for (const end = `That is all: ${ALERTS.toLocaleString('en-GB')} alerts.`; (await text()) !== end; ) {
      expect(await text()).toMatch(/^(Load older alerts|Loading …|That is all.*)$/);
      await page.keyboard.press('Enter');
    }
  });
});
