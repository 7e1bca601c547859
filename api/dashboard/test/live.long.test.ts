import { randomUUID } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { type PageStack, startPageStack } from './stack.ts';

// The page with everything behind it: API, worker, video server, database and Chromium.

const found = await findBrowser();

describe.skipIf('missing' in found)('the operator’s page on a running stack', TEST_TIMEOUT, () => {
  let stack: PageStack;
  let browser: Browser;
  const pages: WatchedPage[] = [];

  beforeAll(async () => {
    [stack, browser] = await Promise.all([startPageStack(), launch('path' in found ? found.path : '')]);
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      await page.context().close();
      expect(page.errors).toEqual([]);
    }
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.close();
  });

  async function open(path = '/'): Promise<WatchedPage> {
    const page = await openPage(browser, [stack.apiUrl, stack.videosPublicUrl]);
    pages.push(page);
    await goTo(page, stack.apiUrl + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }
  /** Removes the errors that the browser logs about responses that the test provokes. */
  function expectErrors(page: WatchedPage, pattern: RegExp): void {
    page.ignoreErrors(pattern);
  }
  const row = (page: WatchedPage, uuid: string) => page.locator(`[data-uuid="${uuid}"]`);
  const shows = (locator: Locator, text: string) => locator.filter({ hasText: text }).waitFor();
  const filters = (page: WatchedPage) => page.getByRole('search');
  const button = (page: WatchedPage, name: string | RegExp) => page.getByRole('button', { name });
  const statusOf = async (uuid: string) => (await stack.db.alert.findUniqueOrThrow({ where: { uuid } })).status;

  async function failedAlert(store: string): Promise<string> {
    const uuid = await stack.post({ video: `/videos/${store}.mp4`, store });
    await expect.poll(() => statusOf(uuid), POLL_TIMEOUT).toBe('failed');
    return uuid;
  }
  const createDamagedVideo = (name: string) =>
    copyFile(join(stack.folder, 'broken.mp4'), join(stack.folder, `${name}.mp4`));
  const repairVideo = (name: string) => copyFile(join(stack.folder, 'test_2.mp4'), join(stack.folder, `${name}.mp4`));

  it('shows a new alert until it is processed, without a reload', async () => {
    const page = await open();
    await page.setViewportSize({ width: 1600, height: 900 }); // wide enough for the codec
    await page.evaluate('window.notReloaded = true');
    const uuid = await stack.post({ store: 'new-one' });
    await shows(row(page, uuid), 'Processed');
    const text = await row(page, uuid).textContent();
    for (const part of ['new-one', '1920 × 1080', 'h264']) expect(text).toContain(part);
    expect(await page.evaluate('window.notReloaded')).toBe(true);
    await shows(page.locator('.tile.processed'), '1');
  });

  it('explains a failed alert, shows its timeline, and retries it', async () => {
    await createDamagedVideo('one');
    const uuid = await failedAlert('one');
    const page = await open();
    await row(page, uuid).click();
    const detail = page.locator('.detail');
    for (const part of ['video_unreadable', 'no moov box', 'Not a valid video', 'Longest wait', 'Store notified']) {
      await shows(detail, part);
    }
    expect(page.url()).toBe(`${stack.apiUrl}/?alert=${uuid}`);
    await repairVideo('one');
    // A running worker would replace the message at once.
    stack.workers[0]?.pause();
    await button(page, 'Retry this alert').click();
    await page.getByText('Retry queued.').waitFor();
    stack.workers[0]?.resume();
    await shows(detail, 'Processed');
    await shows(detail, '1920 × 1080');
    await shows(row(page, uuid), 'Processed');
    expect(await statusOf(uuid)).toBe('processed');
  });

  it('shows that a retry is queued and that it failed again, and keeps the keyboard focus', async () => {
    await createDamagedVideo('again');
    const uuid = await failedAlert('again');
    const page = await open(`/?alert=${uuid}`);
    const status = page.locator('.failure-box').getByRole('status');
    const retry = button(page, 'Retry this alert');
    const focused = () => page.evaluate<string>('document.activeElement.textContent.trim()');
    await retry.focus();
    stack.workers[0]?.pause();
    const sent = page.waitForRequest(/\/retry$/);
    await page.keyboard.press('Enter');
    const key = (await sent).headers()['idempotency-key'];
    expect(key).toMatch(/^[\w-]{20,}$/);
    await shows(status, 'Retry queued.');
    await shows(page.locator('.detail'), 'Pending');
    expect(await focused()).toBe('Retry this alert');
    stack.workers[0]?.resume();
    await shows(status, 'Retry failed again: the file has no moov box');
    expect(await focused()).toBe('Retry this alert');
    await shows(page.locator('.rounds li').nth(1), '2. Failed');
    await repairVideo('again');
    const sentAgain = page.waitForRequest(/\/retry$/);
    await page.keyboard.press('Enter');
    expect((await sentAgain).headers()['idempotency-key']).not.toBe(key);
    await shows(status, 'The retry succeeded.');
    expect(await focused()).toBe('The retry succeeded.');
    await shows(page.locator('.rounds li').nth(2), '3. Processed');
    for (const n of [0, 1]) await shows(page.locator('.rounds li').nth(n), 'the file has no moov box');
  });

  it('plays the video from the video server', async () => {
    const uuid = await stack.post({ video: '/videos/test_5.webm' });
    const page = await open(`/?alert=${uuid}`);
    await shows(page.locator('.detail'), '640 × 360');
    const video = page.locator('video');
    expect(await video.getAttribute('src')).toBe(`${stack.videosPublicUrl}/videos/test_5.webm`);
    expect(await video.getAttribute('crossorigin')).toBe('anonymous');
    expect(await video.getAttribute('referrerpolicy')).toBe('no-referrer');
    const width = () => video.evaluate((element) => Reflect.get(element, 'videoWidth'));
    await expect.poll(width, POLL_TIMEOUT).toBe(640);
  });

  it('shows that someone else has already retried an alert', async () => {
    await createDamagedVideo('late');
    const uuid = await failedAlert('late');
    const page = await open(`/?alert=${uuid}`);
    await button(page, 'Retry this alert').waitFor();
    // The event stream does not report this update, because it does not set `change_xid`.
    await stack.db.alert.update({ where: { uuid }, data: { status: 'processed', failureCode: null } });
    await button(page, 'Retry this alert').click();
    await page.getByText(/^Retry failed: .* processed/).waitFor();
    await shows(page.locator('.detail'), 'Processed');
    expectErrors(page, /409/);
  });

  it('lists the alerts of one failure code before it retries them', async () => {
    await createDamagedVideo('many');
    const uuids = await Promise.all([failedAlert('many'), failedAlert('many'), failedAlert('many')]);
    const page = await open('/?store=many');
    await button(page, 'Retry these 3').click();
    const dialog = page.getByRole('dialog');
    await shows(dialog, '3 alerts match');
    for (const uuid of uuids) await shows(dialog, uuid);
    await button(page, 'Cancel').click();
    await dialog.waitFor({ state: 'hidden' });
    for (const uuid of uuids) expect(await statusOf(uuid)).toBe('failed');

    await repairVideo('many');
    await button(page, 'Retry these 3').click();
    await button(page, 'Retry 3').click();
    await page.getByText('3 alerts queued for retry.').waitFor();
    for (const uuid of uuids) await shows(row(page, uuid), 'Processed');
    await page.getByText('No failures in this period.').waitFor();
  });

  it('keeps its filters after a reload, and removes them one by one with the back button', async () => {
    const [here, there] = [await stack.post({ store: 'here' }), await stack.post({ store: 'there' })];
    const page = await open();
    await row(page, there).waitFor();
    await filters(page).getByLabel('Store').fill('here');
    await filters(page).getByLabel('Store').press('Enter');
    await row(page, there).waitFor({ state: 'detached' });
    await filters(page).getByLabel('Status').selectOption('Processed');
    await filters(page).getByLabel('Received').selectOption('Last hour');
    expect(page.url()).toBe(`${stack.apiUrl}/?status=processed&store=here&range=1h`);
    await page.reload();
    await shows(row(page, here), 'Processed');
    expect(await row(page, there).count()).toBe(0);
    expect(await filters(page).getByLabel('Store').inputValue()).toBe('here');
    expect(await filters(page).getByLabel('Status').inputValue()).toBe('processed');
    for (let step = 0; step < 3; step += 1) await page.goBack();
    await row(page, there).waitFor();
    expect(new URL(page.url()).search).toBe('');
    expect(await filters(page).getByLabel('Store').inputValue()).toBe('');
  });

  it('shows text from outside as text, and invisible characters as code points', async () => {
    const store = '<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp';
    const page = await open();
    const uuid = await stack.post({ store });
    await shows(row(page, uuid), '<script>alert(1)</script><img src=x onerror=alert(2)>\\u{202e}gnp');
    // The API rejects control characters, but a row may contain them.
    const odd = randomUUID();
    const data = { uuid: odd, store: 'a\u0007b\u001b[31m', video: '/videos/test_2.mp4', timestamp: 1, requestId: 'r' };
    await stack.db.alert.create({ data });
    await page.reload();
    await shows(row(page, odd), 'a\\u{7}b\\u{1b}[31m');
    await row(page, uuid).click();
    await shows(page.locator('.detail h2'), '<script>alert(1)</script>');
    expect(await page.locator('#page script, #page img:not([src^="/alerts/"])').count()).toBe(0);
  });

  it('shows within 10 s of the last heartbeat that the server is frozen, on the page and in the tab', async () => {
    const page = await open();
    const pinged = page.waitForEvent('console', { predicate: (message) => message.text() === 'ping' });
    // The page's own stream has its heartbeats at about the same time.
    await page.evaluate(
      "new EventSource('/alerts/events').addEventListener('ping', () => console.log('ping'), { once: true })",
    );
    await pinged;
    stack.apis[0]?.pause();
    const frozenAt = Date.now();
    await page.getByText('Reconnecting', { exact: true }).waitFor();
    // The limit is the page's; the rest is for a slow machine.
    expect(Date.now() - frozenAt).toBeLessThan(30_000);
    expect(await page.title()).toBe('⚠ Connection lost – Video alerts');
    stack.apis[0]?.resume();
    await page.getByText('Live', { exact: true }).waitFor();
    await expect.poll(() => page.title(), POLL_TIMEOUT).toBe('Video alerts');
    expectErrors(page, /ERR_|Failed to load/);
  });

  it('shows that the connection is lost, reconnects, and shows what happened in between', async () => {
    const page = await open();
    const uuid = await stack.post({ store: 'before' });
    await shows(row(page, uuid), 'Processed');
    await stack.apis[0]?.stop();
    await page.getByText('Reconnecting', { exact: true }).waitFor();
    await page.getByText('Connection lost.').waitFor();
    const data = { uuid: randomUUID(), store: 'offline', video: '/videos/test_2.mp4', timestamp: 1, requestId: 'r' };
    await stack.db.alert.create({ data });
    await stack.apis[0]?.start();
    await page.getByText('Live', { exact: true }).waitFor();
    await shows(row(page, data.uuid), 'offline');
    expectErrors(
      page,
      /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/,
    );
  });
});
