import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { claim, recordFailure } from '#prisma/alerts.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';

const found = await findBrowser();

/** Records what the page shows and plays. The real notifications and tones follow. */
const RECORDER = `
  window.shown = [];
  window.tones = 0;
  window.requests = 0;
  const { Notification: RealNotification, OscillatorNode: RealOscillator } = window;
  window.Notification = class extends RealNotification {
    constructor(title, options) { super(title, options); window.shown.push([title, options.body]); window.last = this; }
    static requestPermission() { window.requests += 1; return RealNotification.requestPermission(); }
  };
  window.OscillatorNode = class extends RealOscillator {
    constructor(...args) { super(...args); window.tones += 1; }
  };`;
/** What the document reports in a hidden tab: without a display, a browser hides none. */
const setHidden = (hidden: boolean) => `
  Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
  document.hasFocus = () => ${!hidden};
  document.dispatchEvent(new Event('visibilitychange'));`;

describe.skipIf('missing' in found)('failures', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;
  beforeAll(async () => {
    [api, browser] = await Promise.all([
      startTestApi({ databaseTimeoutMs: POLL_TIMEOUT.timeout }),
      launch('path' in found ? found.path : ''),
    ]);
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    page = await openPage(browser, [api.url], options);
    await page.addInitScript(RECORDER);
    await goTo(page, api.url);
    await page.getByText('Live', { exact: true }).waitFor();
  }
  async function fail(store: string): Promise<string> {
    const uuid = randomUUID();
    await api.post({ uuid, video: '/videos/a.mp4', timestamp: 1, store });
    await claim(api.db, uuid);
    await recordFailure(api.db, { uuid, claim: 1 }, { code: 'video_timeout', detail: 'slow' }, 0);
    return uuid;
  }
  const value = <T>(name: string) => page.evaluate<T>(`window.${name}`);
  const menu = () => page.getByRole('button', { name: 'Notifications of failures' });

  it('are counted in the tab’s title while the page is hidden, and nothing else happens by default', async () => {
    await open();
    const seen = await fail('seen');
    await page.locator(`[data-uuid="${seen}"]`).getByText('Failed').waitFor();
    expect(await page.title()).toBe('Video alerts');
    await page.evaluate(setHidden(true));
    await fail('one');
    await fail('two');
    await expect.poll(() => page.title(), POLL_TIMEOUT).toBe('(2) Video alerts');
    await page.evaluate(setHidden(false));
    await expect.poll(() => page.title(), POLL_TIMEOUT).toBe('Video alerts');
    expect([await value('shown'), await value('tones'), await value('requests')]).toEqual([[], 0, 0]);
    await menu().click();
    await page.getByLabel('Count them').uncheck();
    await page.evaluate(setHidden(true));
    const uuid = await fail('three');
    await page.locator(`[data-uuid="${uuid}"]`).getByText('Failed').waitFor();
    expect(await page.title()).toBe('Video alerts');
  });

  it('are shown by one notification for many, which opens them', async () => {
    await open({ permissions: ['notifications'] });
    await menu().click();
    expect(await value('requests')).toBe(0);
    await page.getByLabel('Show a desktop notification').check();
    await expect.poll(() => page.getByLabel('Show a desktop notification').isChecked(), POLL_TIMEOUT).toBe(true);
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.evaluate(setHidden(true));
    const stores = Array.from({ length: 5 }, (_, n) => `store-${n}`);
    await Promise.all(stores.map(fail));
    const shown = async () => (await value<[string, string][]>('shown')).map(([title]) => Number.parseInt(title, 10));
    const sum = async () => (await shown()).reduce((all, n) => all + n, 0);
    await expect.poll(sum, POLL_TIMEOUT).toBe(stores.length);
    // On a slow machine some are late, and follow in the next notification.
    expect((await shown()).length).toBeLessThan(stores.length);
    await page.evaluate('window.last.onclick()');
    await expect.poll(() => page.url(), POLL_TIMEOUT).toMatch(/\/\?(status=failed|alert=)/);
    await page.reload();
    await menu().click();
    expect(await page.getByLabel('Show a desktop notification').isChecked()).toBe(true);
  });

  it('are not shown if the browser denies it, and the page says so', async () => {
    await open();
    await menu().click();
    await page.getByLabel('Show a desktop notification').click();
    await page.getByText('The browser blocks notifications of this page.').waitFor();
    expect(await page.getByLabel('Show a desktop notification').isChecked()).toBe(false);
  });

  it('play a sound once it is switched on', async () => {
    await open();
    await menu().click();
    await page.getByLabel('Play a sound').check();
    await expect.poll(() => value('tones'), POLL_TIMEOUT).toBe(2);
    await fail('loud');
    await expect.poll(() => value('tones'), POLL_TIMEOUT).toBe(4);
  });
});
