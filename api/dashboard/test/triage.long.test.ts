import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keyClients } from '../../test/key-clients.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';

const found = await findBrowser();
const { auth, client } = keyClients();
const ANNA = client('anna', ['read', 'operate']);
const BEN = client('ben', ['read', 'operate']);
const READER = client('reader', ['read']);

describe.skipIf('missing' in found)('triage on the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let failed: string[];
  const pages: WatchedPage[] = [];

  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi({ auth }), launch('path' in found ? found.path : '')]);
    await seed(api.db, { count: 200, ms: 3_600_000, end: Date.now() });
    const rows = await api.db.alert.findMany({ where: { status: 'failed' }, orderBy: { receivedAt: 'desc' } });
    failed = rows.map(({ uuid }) => uuid);
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

  async function open(headers: Record<string, string>, path: string, width = 1440): Promise<WatchedPage> {
    const page = await openPage(browser, [api.url], { extraHTTPHeaders: headers, viewport: { width, height: 900 } });
    pages.push(page);
    await goTo(page, api.url + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }
  const button = (page: WatchedPage, name: string) => page.getByRole('button', { name, exact: true });
  const row = (page: WatchedPage, uuid: string) => page.locator(`[data-uuid="${uuid}"]`);

  it('shows to others at once who has acknowledged an alert, who works on it, and comments', async () => {
    const [uuid = ''] = failed;
    const ben = await open(BEN, '/');
    await button(ben, 'Open').click();
    await row(ben, uuid).waitFor();
    expect(ben.url()).toContain('triage=open');
    const anna = await open(ANNA, `/?alert=${uuid}`);
    await button(anna, 'Acknowledge').click();
    await anna.locator('.triage').getByText('Acknowledged by anna').waitFor();
    expect(await anna.evaluate('document.activeElement.textContent')).toBe('Reopen');
    await row(ben, uuid).waitFor({ state: 'detached' });
    await button(anna, 'Assign to me').click();
    await button(anna, 'Assigned to me').waitFor();
    await anna.getByLabel('New comment').fill('The switch is off.\nOn site at 9.');
    await button(anna, 'Add comment').click();
    await anna.locator('.comments li').getByText('On site at 9.').waitFor();
    await button(ben, 'Open').click();
    await ben.getByLabel('Status').selectOption('Failed');
    await expect.poll(() => row(ben, uuid).locator('.triage-badge').textContent(), POLL_TIMEOUT).toMatch(/anna/);
    await row(ben, uuid).locator('a').click();
    await ben.locator('.triage').getByText('Acknowledged by anna').waitFor();
    await ben.getByText('The switch is off.').waitFor();
    await ben.getByLabel('New comment').fill('Thank you');
    // Escape does not close the alert while a comment is written.
    await ben.keyboard.press('Escape');
    await button(ben, 'Add comment').click();
    await anna.locator('.comments li').getByText('Thank you').waitFor();
    await expect
      .poll(() => ben.locator('.triage-events .step').allTextContents(), POLL_TIMEOUT)
      .toEqual(['Acknowledged by anna', 'Assigned to anna by anna', 'Commented on by anna', 'Commented on by ben']);
    expect(await ben.locator('.triage-events time').count()).toBe(4);
    await expectAccessible(ben);
  });

  it('lists what is assigned to me, and assigns to others', async () => {
    const uuid = failed[1] ?? '';
    const ben = await open(BEN, '/?triage=mine');
    await ben.getByText('No alert matches.').waitFor();
    const anna = await open(ANNA, `/?alert=${uuid}`);
    await anna.getByLabel('Assignee').fill('ben');
    await anna.getByLabel('Assignee').press('Enter');
    await row(ben, uuid).waitFor();
    expect(await button(ben, 'Mine').getAttribute('aria-pressed')).toBe('true');
    await expectAccessible(ben);
    await anna.getByLabel('Assignee').fill('');
    await anna.getByLabel('Assignee').press('Enter');
    await row(ben, uuid).waitFor({ state: 'detached' });
  });

  it('shows no buttons to a key that may only read', async () => {
    const uuid = failed[2] ?? '';
    const { id } = await api.db.alert.findUniqueOrThrow({ where: { uuid } });
    const data = { alertId: id, acknowledgedAt: new Date(), acknowledgedBy: 'anna', assignee: 'ben' };
    await api.db.triage.create({ data });
    const page = await open(READER, `/?alert=${uuid}`);
    await page.getByText('Assigned to ben').waitFor();
    const buttons = page.getByRole('button', { name: /Acknowledge|Reopen|Assign|Add comment/ });
    expect(await buttons.count()).toBe(0);
  });

  it('fits on a phone', async () => {
    const page = await open(ANNA, `/?alert=${failed[0]}`, 360);
    await page.locator('.comments li').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    await expectAccessible(page);
  });
});
