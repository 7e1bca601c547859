import axe from 'axe-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keyAuth, keyOf } from '../../test/browser.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';

// Whether everyone can use the page: on a phone, in the dark, with little to see and with very much.

const ALERTS = 1_500;
const found = await findBrowser();

describe.skipIf('missing' in found)('the operator’s page', () => {
  let api: TestApi;
  let empty: TestApi;
  let browser: Browser;
  const pages: WatchedPage[] = [];

  beforeAll(async () => {
    [api, empty, browser] = await Promise.all([
      startTestApi(),
      startTestApi(),
      launch('path' in found ? found.path : ''),
    ]);
    await seed(api.db, { count: ALERTS, ms: 3_600_000, end: Date.now() });
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      await page.context().close();
      expect(page.faults).toEqual([]);
    }
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
    await empty?.close();
  });

  async function open(path = '/', options: BrowserContextOptions = {}, of: TestApi = api): Promise<WatchedPage> {
    const page = await openPage(browser, [of.url], options);
    pages.push(page);
    await goTo(page, of.url + path);
    return page;
  }
  const rows = (page: WatchedPage) => page.locator('.body .row');
  const failedOne = async () => (await api.db.alert.findFirstOrThrow({ where: { status: 'failed' } })).uuid;

  /** What axe calls serious or critical, each with where it is. */
  async function faultsOf(page: WatchedPage): Promise<string[]> {
    // As an expression of the debugger: the page's own policy lets no other script in.
    await page.evaluate(`${axe.source}; undefined`);
    const { violations }: axe.AxeResults = await page.evaluate('axe.run(document)');
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  }

  /** In light and in dark colours. */
  async function expectNoFault(page: WatchedPage): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await faultsOf(page), colorScheme).toEqual([]);
    }
  }

  it.each([
    ['the list', '', '.body .row'],
    ['the detail of a failed alert', 'failed', '.timeline li'],
    ['the list on a phone', 'phone', '.body .row'],
    ['nothing to show', 'empty', '.empty'],
  ])('%s has no serious fault of accessibility, in light and dark', async (_, kind, seen) => {
    const path = kind === 'failed' ? `/?alert=${await failedOne()}` : '/';
    const viewport = kind === 'phone' ? { width: 360, height: 740 } : { width: 1440, height: 900 };
    const page = await open(path, { viewport }, kind === 'empty' ? empty : api);
    await page.locator(seen).first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await expectNoFault(page);
  });

  it('the question before a retry has no serious fault of accessibility, in light and dark', async () => {
    const page = await open();
    await page
      .getByRole('button', { name: /^Retry these/ })
      .first()
      .click();
    await page.getByText('Among them:').waitFor();
    await expectNoFault(page);
  });

  it.each([360, 768, 1440])('is never wider than a screen of %d px', async (width) => {
    for (const path of ['/', `/?alert=${await failedOne()}`, '/?from=2026-01-01T00:00:00Z']) {
      const page = await open(path, { viewport: { width, height: 800 } });
      await page.getByText('Live', { exact: true }).waitFor();
      await page
        .locator(path.includes('alert=') ? '.timeline' : '.body .row')
        .first()
        .waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    }
  });

  it(`draws of ${ALERTS} alerts only those in sight, and reaches the last of them`, async () => {
    const page = await open();
    await rows(page).first().waitFor();
    await rows(page).first().locator('a').focus();
    for (let n = 0; n < 40; n += 1) {
      await page.keyboard.press('End');
      if (await page.getByText(`That is all: ${new Intl.NumberFormat('en-GB').format(ALERTS)} alerts.`).isVisible())
        break;
      await expect.poll(() => page.locator('.table').getAttribute('aria-busy')).toBe('false');
    }
    await page.getByText('That is all').waitFor();
    expect(await rows(page).count()).toBeLessThan(80);
    const oldest = await api.db.alert.findFirstOrThrow({ orderBy: { receivedAt: 'asc' } });
    await page.keyboard.press('End');
    await expect
      .poll(() => page.evaluate("document.activeElement.getAttribute('href')"))
      .toBe(`/?alert=${oldest.uuid}`);
  });

  it('holds new alerts back while older ones are read', async () => {
    const page = await open('/?store=held-back', {}, empty);
    await page.locator('.empty').waitFor();
    const end = Date.now() - 60_000;
    const store = 'held-back';
    await seed(empty.db, { count: 60, ms: 60_000, end });
    await empty.db.alert.updateMany({ data: { store } });
    await page.reload();
    await rows(page).nth(20).locator('a').focus();
    await page.evaluate('scrollTo(0, 900)');
    const inSight = (): Promise<string | undefined> =>
      page.evaluate('document.elementFromPoint(200, 500)?.closest("[data-uuid]")?.dataset.uuid');
    await expect.poll(inSight).toBeDefined();
    const before = await inSight();
    await empty.post({ uuid: '0198f1c2-7a3b-4c4d-8e5f-0123456789ab', video: '/videos/a.mp4', timestamp: 1, store });
    await page.getByRole('button', { name: '1 new alert' }).waitFor();
    expect(await inSight()).toBe(before);
    await page.getByRole('button', { name: '1 new alert' }).click();
    await page.locator('[data-uuid="0198f1c2-7a3b-4c4d-8e5f-0123456789ab"]').waitFor();
  });

  it('leads to the job of an alert on Bull Board, but to none that is done and gone', async () => {
    const jobOf = async (status: 'failed' | 'processed') => {
      const { uuid } = await api.db.alert.findFirstOrThrow({ where: { status } });
      const page = await open(`/?alert=${uuid}`);
      await page.locator('.timeline').waitFor();
      await page.getByText('JSON').waitFor();
      const links = await page.getByText('Job on Bull Board').all();
      return Promise.all(links.map((link) => link.getAttribute('href').then((href) => href?.replace(uuid, '…'))));
    };
    expect(await jobOf('failed')).toEqual(['/queues/queue/alerts/…']);
    expect(await jobOf('processed')).toEqual([]);
  });

  it('offers no retry to who may only read, and no board to who reaches only some stores', async () => {
    const caller = { id: 'k', name: 'reader <b>', scopes: new Set(['read'] as const), stores: ['harbour-store'] };
    const restricted = await startTestApi({ auth: { callerOf: async () => caller } });
    await seed(restricted.db, { count: 400, ms: 3_600_000, end: Date.now() });
    const { uuid } = await restricted.db.alert.findFirstOrThrow({
      where: { status: 'failed', store: 'harbour-store' },
    });
    const page = await open(`/?alert=${uuid}`, {}, restricted);
    await page.locator('.timeline').waitFor();
    await page.locator('.failed-box').waitFor();
    await page.getByText('reader <b>').waitFor();
    await page.getByRole('button', { name: 'Log out' }).waitFor();
    const retries = page.getByRole('button', { name: /Retry/ });
    expect(await retries.count()).toBe(0);
    expect(await page.getByText('Bull Board').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByText('Newest').first().waitFor();
    expect(await retries.count()).toBe(0);
    expect(
      await page
        .getByText('Bull Board')
        .or(page.getByText('Queue', { exact: true }))
        .count(),
    ).toBe(0);
    const stores = await page.locator('.body .store').allTextContents();
    expect(new Set(stores.map((text) => text.trim()))).toEqual(new Set(['harbour-store']));
    await page.close();
    await restricted.close();
  });

  it('takes a key, says whose it is, and forgets it', async () => {
    const keyed = await startTestApi({ auth: keyAuth });
    const page = await open('/?range=7d', {}, keyed);
    await page.getByLabel('Key').fill(await keyOf(keyed.db, 'read'));
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('No alert came in during this time.').waitFor();
    expect(page.url()).toBe(`${keyed.url}/?range=7d`);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Key').waitFor();
    await goTo(page, keyed.url);
    await page.getByLabel('Key').waitFor();
    await page.close();
    await keyed.close();
  });

  it('says what is wrong while the database is away, and offers to ask again', async () => {
    const away = await startTestApi({ databaseUrl: 'postgres://nobody@127.0.0.1:9/none' });
    const page = await open('/', {}, away);
    await page.getByText('The alerts cannot be shown: The database does not answer.').waitFor();
    await page.getByText('The overview is not up to date: The database does not answer.').waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    page.faults = page.faults.filter((fault) => !fault.includes('503'));
    await page.close();
    await away.close();
  });
});
