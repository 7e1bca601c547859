// Over 250 lines: one API and one browser serve the tests of all views.
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addComment, triageAlerts } from '#prisma/triage.ts';
import { type Auth, type Client, EVERYONE } from '../../auth/client.ts';
import { createKey, keyAuth } from '../../test/browser.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';
import { seedDestinations } from './seed-destinations.ts';

const ALERTS = 1_500;
const DAY_MS = 86_400_000;
const NOTHING = '/?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';
const found = await findBrowser();

/** One API serves all tests: this request header selects how it authenticates the caller; default: not at all. */
const AUTH_HEADER = 'x-test-auth';
const READER: Client = { id: 'k', name: 'reader <b>', scopes: new Set(['read']), stores: ['harbour-store'] };

describe.skipIf('missing' in found)('the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let destination: string;
  const pages: WatchedPage[] = [];

  beforeAll(async () => {
    const auth = (db: TestApi['db']): Auth => {
      const keys = keyAuth(db);
      return {
        ...(keys === 'off' ? {} : keys),
        clientOf: async (req, key) => {
          const mode = req.get(AUTH_HEADER);
          if (mode === 'keys' && keys !== 'off') return keys.clientOf(req, key);
          return mode === 'reader' ? READER : EVERYONE;
        },
      };
    };
    // On a busy machine, a connection that takes over 3 s would become a 503, and that an error on the console.
    const databaseTimeoutMs = POLL_TIMEOUT.timeout;
    [api, browser] = await Promise.all([
      startTestApi({ auth, databaseTimeoutMs }),
      launch('path' in found ? found.path : ''),
    ]);
    await seed(api.db, { count: ALERTS, ms: 3_600_000, end: Date.now() });
    destination = await seedDestinations(api.db);
    await createKey(api.db, 'read');
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      await page.context().close();
      expect(page.errors).toEqual([]);
    }
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(path = '/', options: BrowserContextOptions = {}, server = api): Promise<WatchedPage> {
    const page = await openPage(browser, [server.url], options);
    pages.push(page);
    await goTo(page, server.url + path);
    return page;
  }
  const openAs = (mode: string, path: string) => open(path, { extraHTTPHeaders: { [AUTH_HEADER]: mode } });
  const rows = (page: WatchedPage) => page.locator('.body .row');
  const isLive = (page: WatchedPage) => page.getByText('Live', { exact: true }).waitFor();
  const failedAlert = async (where = {}) =>
    (await api.db.alert.findFirstOrThrow({ where: { status: 'failed', ...where } })).uuid;

  /** Returns a failed alert that was acknowledged and commented on. */
  async function triagedAlert(): Promise<string> {
    const uuid = await failedAlert();
    const requester = { actor: { id: 'k', name: 'anna' }, stores: undefined };
    await triageAlerts(api.db, [uuid], { acknowledged: true, assignee: 'anna' }, requester);
    await addComment(api.db, uuid, 'The switch is off.', requester);
    return uuid;
  }

  describe('has no serious accessibility violation, in light and dark', () => {
    it.each([
      ['the list', '/', '.body .row'],
      ['the detail of a failed alert', 'failed', '.triage-events li'],
      ['an empty list', NOTHING, '.empty'],
      ['the stores', '/?view=stores', '.store-table tbody tr'],
      ['the destinations', '/?view=destinations', '.destination-table'],
      ['a destination', 'destination', '.delivery'],
      ['the form of a destination', '/?view=destinations&destination=new', '.destination-form'],
      ['the retention', '/?view=retention', '.backups'],
      ['the audit log', '/?view=audit', '.filters'],
      ['the settings and the keys', '/?view=settings', 'tr[data-variable]'],
    ])('%s, also on a phone', async (_what, path, element) => {
      const urls: Record<string, () => Promise<string>> = {
        failed: async () => `/?alert=${await triagedAlert()}`,
        destination: async () => `/?view=destinations&destination=${destination}`,
      };
      const url = (await urls[path]?.()) ?? path;
      for (const width of [1440, 360]) {
        const page = await open(url, { viewport: { width, height: 900 } });
        await page.locator(element).first().waitFor();
        await isLive(page);
        await expectAccessible(page);
      }
    });

    it.each([1440, 360])('the form and the dialogs of keys, %i px wide', async (width) => {
      const page = await open('/?view=settings', { viewport: { width, height: 900 } });
      await page.getByRole('button', { name: 'Create key' }).click();
      await page.getByLabel('Name').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Cancel' }).click();
      for (const change of ['Rotate', 'Revoke']) {
        await page
          .getByRole('button', { name: `${change} the key` })
          .first()
          .click();
        await page.getByRole('dialog').waitFor();
        await expectAccessible(page);
        await page.getByRole('button', { name: 'Cancel' }).click();
      }
    });

    it.each([1440, 360])('the banner of silent stores, %i px wide', async (width) => {
      const { id } = await api.db.silence.create({
        data: { store: 'harbour-store', camera: '', since: new Date(), expected: 40, notifiedAt: new Date() },
      });
      const page = await open('/', { viewport: { width, height: 900 } });
      await page.locator('.banner.silences').waitFor();
      await expectAccessible(page);
      await api.db.silence.delete({ where: { id } });
    });

    it('the dialogs and the form of a mute', async () => {
      const page = await open(`/?view=destinations&destination=${destination}`);
      await page.getByRole('button', { name: 'Delete' }).click();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: /^Retry these/ }).click();
      await page.getByText('failed deliveries match').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Add mute' }).click();
      await expectAccessible(page);
    });

    it('the retry dialog', async () => {
      const page = await open();
      await page
        .getByRole('button', { name: /^Retry these/ })
        .first()
        .click();
      await page.getByText('Including:').waitFor();
      await expectAccessible(page);
    });
  });

  it('is never wider than a screen of 360, 768 or 1440 px', async () => {
    const views: [path: string, element: string][] = [
      ['/', '.body .row'],
      [`/?alert=${await failedAlert()}`, '.timeline'],
      ['/?from=2026-01-01T00:00:00Z', '.body .row'],
      ['/?view=stores', '.store-table tbody tr'],
      ['/?view=settings', 'tr[data-variable]'],
      ['/?view=destinations', '.destination-table tr'],
      [`/?view=destinations&destination=${destination}`, '.delivery'],
      ['/?view=destinations&destination=new', '.destination-form'],
    ];
    for (const [path, element] of views) {
      const page = await open(path);
      await isLive(page);
      await page.locator(element).first().waitFor();
      for (const width of [360, 768, 1440]) {
        await page.setViewportSize({ width, height: 800 });
        await expect.poll(() => page.evaluate('innerWidth'), POLL_TIMEOUT).toBe(width);
        expect(await page.evaluate('document.documentElement.scrollWidth'), `${path} ${width}`).toBe(width);
      }
    }
  });

  it('shows all links of its header at any width, none below or outside of another element', async () => {
    const page = await open();
    await isLive(page);
    const names = ['Alerts', 'Stores', 'Destinations', 'Retention', 'Audit', 'Settings', 'Queue', 'API'];
    const visible = `[...document.querySelectorAll('header nav a')].filter((link) => {
      const { left, top, width, height } = link.getBoundingClientRect();
      return [0.05, 0.95].every((part) => link.contains(document.elementFromPoint(left + part * width, top + height / 2)));
    }).map((link) => link.textContent)`;
    for (const width of [360, 390, 720, 768, 1000, 1440]) {
      await page.setViewportSize({ width, height: 800 });
      await expect.poll(() => page.evaluate(visible), { ...POLL_TIMEOUT, message: `${width}` }).toEqual(names);
    }
  });

  it('shows the filters in two lines next to the panel of failures, and as wide as the list', async () => {
    const page = await open(`/?store=harbour-store&failure_code=video_not_found`, {
      viewport: { width: 1440, height: 900 },
    });
    await rows(page).first().waitFor();
    const lines: number[] = await page.evaluate(`[...document.querySelectorAll('.filter-line > *')].map((element) => {
      const { top, bottom } = element.getBoundingClientRect();
      return Math.round((top + bottom) / 2);
    })`);
    expect([...new Set(lines)]).toHaveLength(2);
    const right = (elements: string): Promise<number[]> =>
      page.evaluate(`[...document.querySelectorAll('${elements}')].map((each) => each.getBoundingClientRect().right)`);
    expect(await right('.filter-line > :last-child')).toEqual([...(await right('.table')), ...(await right('.table'))]);
  });

  it(`renders only the visible ones of ${ALERTS} alerts, and reaches the last one`, async () => {
    const page = await open();
    await rows(page).first().waitFor();
    await rows(page).first().locator('a').focus();
    const total = page.getByText(`${new Intl.NumberFormat('en-GB').format(ALERTS)} alerts in total`);
    while (!(await total.isVisible())) {
      await page.keyboard.press('End');
      await expect.poll(() => page.locator('.table').getAttribute('aria-busy'), POLL_TIMEOUT).toBe('false');
    }
    expect(await rows(page).count()).toBeLessThan(80);
    const oldest = await api.db.alert.findFirstOrThrow({ orderBy: { receivedAt: 'asc' } });
    await page.keyboard.press('End');
    await expect
      .poll(() => page.evaluate("document.activeElement.getAttribute('href')"), POLL_TIMEOUT)
      .toBe(`/?alert=${oldest.uuid}`);
  });

  it('does not move the list for new alerts while the user reads older ones', async () => {
    const store = 'paused';
    const uuid = '0198f1c2-7a3b-4c4d-8e5f-0123456789ab';
    await seed(api.db, { count: 60, ms: 60_000, end: Date.now() - 3 * DAY_MS, store });
    const page = await open(`/?store=${store}&range=7d`);
    await isLive(page);
    await rows(page).nth(10).locator('a').focus();
    await page.evaluate('scrollTo(0, 900)');
    // The page reacts to the new position before the second frame.
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
    const visibleAlert = (): Promise<string | undefined> =>
      page.evaluate('document.elementFromPoint(200, 500)?.closest("[data-uuid]")?.dataset.uuid');
    await expect.poll(visibleAlert, POLL_TIMEOUT).toBeDefined();
    const before = await visibleAlert();
    await api.post({ uuid, video: '/videos/a.mp4', timestamp: 1, store });
    const button = page.getByRole('button', { name: 'Show 1 new alert' });
    await button.waitFor();
    expect(await visibleAlert()).toBe(before);
    await button.click();
    await page.locator(`[data-uuid="${uuid}"]`).waitFor();
    await api.db.alert.deleteMany({ where: { store } });
  });

  it('links to the job of an alert on Bull Board, except if that job no longer exists', async () => {
    const page = await open();
    const jobLink = async (status: 'failed' | 'processed') => {
      const { uuid } = await api.db.alert.findFirstOrThrow({ where: { status } });
      await goTo(page, `${api.url}/?alert=${uuid}`);
      await page.locator('.timeline').waitFor();
      await page.getByText('JSON').waitFor();
      const links = await page.getByText('Job on Bull Board').all();
      return Promise.all(links.map((link) => link.getAttribute('href').then((href) => href?.replace(uuid, '…'))));
    };
    expect(await jobLink('failed')).toEqual(['/queues/queue/alerts/…']);
    expect(await jobLink('processed')).toEqual([]);
  });

  it('shows no retry to a key that may only read, and no Bull Board to a key of some stores', async () => {
    const page = await openAs('reader', `/?alert=${await failedAlert({ store: 'harbour-store' })}`);
    await page.locator('.timeline').waitFor();
    await page.locator('.failure-box').waitFor();
    await page.getByText('reader <b>').waitFor();
    await page.getByRole('button', { name: 'Log out' }).waitFor();
    const retryButtons = page.getByRole('button', { name: /Retry/ });
    const boardLinks = page.getByText('Bull Board').or(page.getByText('Queue', { exact: true }));
    expect([await retryButtons.count(), await boardLinks.count()]).toEqual([0, 0]);
    await page.keyboard.press('Escape');
    await page.getByText('Newest').first().waitFor();
    expect([await retryButtons.count(), await boardLinks.count()]).toEqual([0, 0]);
    const stores = await page.locator('.body .store').allTextContents();
    expect(new Set(stores.map((text) => text.trim()))).toEqual(new Set(['harbour-store']));
  });

  it('shows to a key that may only read why it cannot change destinations', async () => {
    const page = await openAs('reader', `/?view=destinations&destination=${destination}`);
    await page.getByText('Your key lacks the scope manage').waitFor();
    await page.locator('.delivery').first().waitFor();
    const stores = await page.locator('.delivery-title a').allTextContents();
    expect(new Set(stores)).toEqual(new Set(['harbour-store']));
    const controls = await page.locator('main button').allTextContents();
    expect(controls.map((text) => text.trim()).filter((text) => text !== '' && !text.startsWith('Load older'))).toEqual(
      [],
    );
  });

  it('logs a key in and out', async () => {
    const page = await openAs('keys', NOTHING);
    await page.getByLabel('Key').fill(await createKey(api.db, 'read'));
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('No alerts in this period.').first().waitFor();
    expect(page.url()).toBe(api.url + NOTHING);
    await isLive(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Key').waitFor();
    await goTo(page, api.url);
    await page.getByLabel('Key').waitFor();
  });

  it('names an unknown filter in the address, and clears it', async () => {
    const page = await open('/?status=bogus');
    await page.getByText('Unknown status "bogus" in the address.').waitFor();
    await page.getByRole('alert').getByRole('button', { name: 'Clear filters' }).click();
    await rows(page).first().waitFor();
    page.ignoreErrors(/422/);
  });

  it('shows why it has no data while the database is unavailable, and offers to try again', async () => {
    const unavailable = await startTestApi({ databaseUrl: 'postgres://nobody@127.0.0.1:9/none' });
    const page = await open('/', {}, unavailable);
    await page.getByText(/^Cannot load alerts: .*database/).waitFor();
    await page.getByText(/^Cannot refresh the overview: .*database/).waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    page.ignoreErrors(/503/);
    await page.close();
    await unavailable.close();
  });
});
