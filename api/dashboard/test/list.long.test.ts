// Over 250 lines: one API and one browser serve the tests of all that the list does.
import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Prisma } from '#prisma/generated/client.ts';
import { archiveAndRestore } from '../../test/archived-alerts.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('the list of alerts', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;
  beforeAll(async () => {
    [api, browser] = await Promise.all([
      startTestApi({ databaseTimeoutMs: POLL_TIMEOUT.timeout }),
      launch('path' in found ? found.path : ''),
    ]);
  }, TEST_TIMEOUT.timeout);
  beforeEach(() => api.db.alert.deleteMany());
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(path = '/', options: BrowserContextOptions = {}): Promise<void> {
    page = await openPage(browser, [api.url], { viewport: { width: 1440, height: 900 }, ...options });
    await goTo(page, api.url + path);
    await page.getByText('Live', { exact: true }).waitFor();
  }

  /** Inserts an alert that was processed, received `n` minutes ago. */
  async function insert(n: number, data: Partial<Prisma.AlertUncheckedCreateInput> = {}): Promise<string> {
    const uuid = randomUUID();
    const receivedAt = new Date(Date.now() - n * 60_000);
    const times = { receivedAt, startedAt: receivedAt, processedAt: receivedAt, notifiedAt: receivedAt };
    const row = { uuid, store: `store-${n}`, video: '/videos/a.mp4', timestamp: 1, requestId: 'test', attempts: 1 };
    await api.db.alert.create({ data: { ...row, ...times, status: 'processed', ...data } });
    return uuid;
  }
  const FAILED = { status: 'failed', failureCode: 'video_not_found', failureDetail: 'HTTP 404' } as const;

  const stores = () => page.locator('.body .store a').allTextContents();
  const expectStores = (names: string[]) =>
    expect.poll(async () => (await stores()).map((name) => name.trim()), POLL_TIMEOUT).toEqual(names);
  const header = (name: string) => page.getByRole('columnheader', { name });
  const sortButton = (name: string) => header(name).getByRole('button');
  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const row = (uuid: string) => page.locator(`[data-uuid="${uuid}"]`);
  const checkbox = (uuid: string) => row(uuid).getByRole('checkbox');
  const bar = () => page.getByRole('region', { name: 'Selected alerts' });
  const expectSelected = (n: number) => bar().getByText(`${n} selected`, { exact: true }).waitFor();
  const clickWithShift = (uuid: string) => checkbox(uuid).click({ modifiers: ['Shift'] });

  describe('is sorted', () => {
    it('by the API, newest or oldest first, and keeps that in the address', async () => {
      for (const n of [3, 1, 2]) await insert(n);
      await open();
      await expectStores(['store-1', 'store-2', 'store-3']);
      expect(await header('Received (GMT+9)').getAttribute('aria-sort')).toBe('descending');
      const request = page.waitForRequest(/\/alerts\?.*sort=received_at/);
      await sortButton('Received (GMT+9)').click();
      await request;
      await expectStores(['store-3', 'store-2', 'store-1']);
      expect(await header('Received (GMT+9)').getAttribute('aria-sort')).toBe('ascending');
      // New alerts are at the end.
      await api.post({ uuid: randomUUID(), video: '/videos/a.mp4', timestamp: 1, store: 'new' });
      await expectStores(['store-3', 'store-2', 'store-1', 'new']);
      await page.reload();
      await expectStores(['store-3', 'store-2', 'store-1', 'new']);
      expect(page.url()).toBe(`${api.url}/?sort=received_at`);
    });

    it('by another column: the loaded rows, by keyboard, also when an alert arrives', async () => {
      for (const [n, store] of ['b', 'c', 'a'].entries()) await insert(n, { store });
      await open();
      await expectStores(['b', 'c', 'a']);
      expect(await sortButton('Store').getAttribute('title')).toBe('Sorts the loaded rows');
      await sortButton('Store').focus();
      await page.keyboard.press('Enter');
      await expectStores(['a', 'b', 'c']);
      expect(await header('Store').getAttribute('aria-sort')).toBe('ascending');
      await api.post({ uuid: randomUUID(), video: '/videos/a.mp4', timestamp: 1, store: 'bb' });
      await expectStores(['a', 'b', 'bb', 'c']);
      await page.keyboard.press('Enter');
      await expectStores(['c', 'bb', 'b', 'a']);
      await page.keyboard.press('Enter');
      await expectStores(['bb', 'b', 'c', 'a']);
      expect(new URL(page.url()).search).toBe('');
    });

    it('with failures first by status, and alerts without a value last in both directions', async () => {
      await insert(1, { codec: 'vp9' });
      await insert(2, { ...FAILED, processedAt: new Date() });
      await insert(3, { codec: 'h264', attempts: 3 });
      await open('/?sort=status');
      await expectStores(['store-2', 'store-1', 'store-3']);
      await sortButton('Codec').click();
      await expectStores(['store-3', 'store-1', 'store-2']);
      await sortButton('Codec').click();
      await expectStores(['store-1', 'store-3', 'store-2']);
      await sortButton('Duration').click();
      await sortButton('Duration').click();
      await expectStores(['store-2', 'store-1', 'store-3']);
      expect(new URL(page.url()).search).toBe('?sort=-duration');
    });

    it('says that only the loaded rows are sorted, and loads more on request only', async () => {
      const times = { status: 'processed', notifiedAt: new Date() } as const;
      const one = (n: number) => ({
        ...{ uuid: randomUUID(), store: `s${n}`, video: '/a.mp4', timestamp: 1, requestId: 'r', ...times },
        receivedAt: new Date(Date.now() - n * 1_000),
      });
      await api.db.alert.createMany({ data: Array.from({ length: 150 }, (_, n) => one(n)) });
      await open('/?sort=-store');
      await page.getByText('Only the 100 loaded alerts are sorted.').waitFor();
      await button('Load older alerts').click();
      await page.getByText('150 alerts in total').waitFor();
      await page.evaluate('scrollTo(0, 0)');
      await expect.poll(async () => (await stores())[0]?.trim(), POLL_TIMEOUT).toBe('s99');
    });

    it('on a phone by a menu', async () => {
      for (const [n, store] of ['b', 'a'].entries()) await insert(n, { store });
      await open('/', { viewport: { width: 390, height: 844 } });
      await expectStores(['b', 'a']);
      expect(await page.locator('.head button').count()).toBe(0);
      await button('View of the list').click();
      await page.getByLabel('Order').selectOption('Store, ascending');
      await expectStores(['a', 'b']);
      await expectAccessible(page);
    });
  });

  describe('selects alerts', () => {
    it('by mouse, with a range, all loaded ones, and none', async () => {
      const uuids: string[] = [];
      for (let n = 0; n < 6; n += 1) uuids.push(await insert(n));
      const [first = '', second = '', , fourth = ''] = uuids;
      await open();
      await checkbox(second).click();
      await expectSelected(1);
      await clickWithShift(fourth);
      await expectSelected(3);
      await checkbox(fourth).click();
      await expectSelected(2);
      expect(await checkbox(first).isChecked()).toBe(false);
      await expectAccessible(page);
      await page.getByLabel('Select all loaded alerts').click();
      await expectSelected(6);
      // A click on the rest of the row opens the alert.
      await button('Clear').click();
      await bar().waitFor({ state: 'detached' });
      await row(first).click();
      await page.locator('.detail').waitFor();
    });

    it('by keyboard', async () => {
      const uuids: string[] = [];
      for (let n = 0; n < 6; n += 1) uuids.push(await insert(n));
      await open();
      await row(uuids[0] ?? '')
        .locator('a')
        .focus();
      await page.keyboard.press('Space');
      await expectSelected(1);
      await page.keyboard.press('Shift+ArrowDown');
      await page.keyboard.press('Shift+ArrowDown');
      await expectSelected(3);
      await page.keyboard.press('End');
      await page.keyboard.press('Shift+Space');
      await expectSelected(6);
      await page.keyboard.press('Space');
      await expectSelected(5);
      await page.keyboard.press('Control+a');
      await expectSelected(6);
      await page.getByLabel('Status').selectOption('Processed');
      await bar().waitFor({ state: 'detached' });
    });

    it('and retries those that have failed, with the result of each', async () => {
      const failed = [await insert(1, FAILED), await insert(2, FAILED)];
      const changed = await insert(3, { ...FAILED, store: 'changed' });
      const archived = await insert(4, FAILED);
      await insert(5);
      await archiveAndRestore(api.db, [archived]);
      await open();
      await page.getByLabel('Select all loaded alerts').click();
      await expectSelected(5);
      // The event stream does not report this update, because it does not set `change_xid`.
      await api.db.alert.update({ where: { uuid: changed }, data: { status: 'processed', failureCode: null } });
      await bar().getByRole('button', { name: 'Retry 3' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('3 failed alerts').waitFor();
      await dialog.getByText('2 other selected alerts have not failed').waitFor();
      await expectAccessible(page);
      await dialog.getByRole('button', { name: 'Retry 3' }).click();
      await dialog.getByText('2 alerts queued for retry, 1 not.').waitFor();
      const results = await dialog.getByRole('listitem').allTextContents();
      expect(results[0]?.trim()).toMatch(/^changed \w{8} The alert is processed, not failed\.$/);
      expect(results.slice(1).map((text) => text.trim())).toEqual([
        expect.stringMatching(/ queued for retry$/),
        expect.stringMatching(/ queued for retry$/),
      ]);
      await dialog.getByRole('button', { name: 'Close' }).click();
      for (const uuid of failed) await row(uuid).getByText('Pending').waitFor();
      const { failureCode } = await api.db.alert.findUniqueOrThrow({ where: { uuid: archived } });
      expect(failureCode).toBe('video_not_found');
      page.ignoreErrors(/409/);
    });
  });

  it('acknowledges the selected alerts that have failed', async () => {
    const failed = await insert(1, FAILED);
    await insert(2);
    await open();
    await page.getByLabel('Select all loaded alerts').click();
    await bar().getByRole('button', { name: 'Acknowledge 1' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Acknowledge 1' }).click();
    await dialog.getByText('1 alert acknowledged.').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    const { id } = await api.db.alert.findUniqueOrThrow({ where: { uuid: failed } });
    await expect
      .poll(() => api.db.triage.count({ where: { alertId: id, acknowledgedBy: { not: null } } }), POLL_TIMEOUT)
      .toBe(1);
    // The event stream sends its new state.
    await expect.poll(() => bar().getByRole('button', { name: 'Acknowledge' }).isDisabled(), POLL_TIMEOUT).toBe(true);
  });

  it('counts no alerts of the archive as those that can be retried', async () => {
    await insert(1, FAILED);
    const archived = [await insert(2, FAILED), await insert(3, FAILED)];
    await archiveAndRestore(api.db, archived);
    await open();
    await page.getByText('2 of them are from the archive and cannot be retried.').waitFor();
    await button('Retry these 1').click();
    await page.getByRole('dialog').getByText('1 alert matches').waitFor();
  });

  it('remembers columns and density until they are reset', async () => {
    await insert(1, { camera: 'till 3', codec: 'h264', video: '/videos/north/gate.mp4' });
    await open();
    const height = () => page.locator('.body .row').evaluate((one) => one.getBoundingClientRect().height);
    const comfortable = await height();
    const choice = (name: string) => page.getByRole('checkbox', { name, exact: true });
    await button('View of the list').click();
    await choice('Compact rows').check();
    await choice('Camera').check();
    await choice('File').check();
    await choice('Codec').uncheck();
    await expectAccessible(page);
    const columns = async () =>
      (await page.locator('.head [role=columnheader]').allTextContents()).map((c) => c.trim());
    for (let visit = 0; visit < 2; visit += 1) {
      await page.locator('.body .camera').getByText('till 3').waitFor();
      await page.locator('.body .file').getByText('gate.mp4').waitFor();
      expect(await columns()).not.toContain('Codec');
      expect(await height()).toBeLessThan(comfortable);
      await page.reload();
      await page.locator('.body .row').waitFor();
    }
    await button('View of the list').click();
    await button('Reset').click();
    await page.locator('.body .codec').getByText('h264').waitFor();
    expect(await page.locator('.body .camera').count()).toBe(0);
    expect(await height()).toBe(comfortable);
    await page.keyboard.press('Escape');
    await page.getByLabel('Compact rows').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('View');
    expect(await page.evaluate('localStorage.getItem("list")')).toBeNull();
  });
});
