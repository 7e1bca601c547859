import { randomUUID } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, goTo, launch, openPage, type WatchedPage } from './browser.ts';
import { openStack, type Stack } from './stack.ts';

// The operator's page as people see it, on a real house: api, worker, video server, database, Chromium.

const found = await findBrowser();

describe.skipIf('missing' in found)('the operator’s page on a running house', () => {
  let house: Stack;
  let browser: Browser;
  const pages: WatchedPage[] = [];

  beforeAll(async () => {
    [house, browser] = await Promise.all([openStack(), launch('path' in found ? found.path : '')]);
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      await page.context().close();
      expect(page.faults).toEqual([]);
    }
  });
  afterAll(async () => {
    await browser?.close();
    await house?.close();
  });

  async function open(path = '/'): Promise<WatchedPage> {
    const page = await openPage(browser, [house.api, house.videos]);
    pages.push(page);
    await goTo(page, house.api + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }
  /** Takes away what the browser itself tells on the console about answers that this test wants. */
  function forgive(page: WatchedPage, pattern: RegExp): void {
    page.faults = page.faults.filter((fault) => !pattern.test(fault));
  }
  const row = (page: WatchedPage, uuid: string) => page.locator(`[data-uuid="${uuid}"]`);
  const shows = (locator: Locator, text: string) => locator.filter({ hasText: text }).waitFor();
  const filters = (page: WatchedPage) => page.getByRole('search');
  const button = (page: WatchedPage, name: string | RegExp) => page.getByRole('button', { name });
  const statusOf = async (uuid: string) => (await house.db.alert.findUniqueOrThrow({ where: { uuid } })).status;

  async function failedAlert(store: string): Promise<string> {
    const uuid = await house.post({ video: `/videos/${store}.mp4`, store });
    await expect.poll(() => statusOf(uuid), { timeout: 10_000 }).toBe('failed');
    return uuid;
  }
  /** A damaged video, that may be mended later. */
  const damage = (name: string) => copyFile(join(house.folder, 'broken.mp4'), join(house.folder, `${name}.mp4`));
  const mend = (name: string) => copyFile(join(house.folder, 'test_2.mp4'), join(house.folder, `${name}.mp4`));

  it('shows a new alert and how it turns processed, without a reload', async () => {
    const page = await open();
    await page.evaluate('window.same = true');
    const uuid = await house.post({ store: 'new-one' });
    await shows(row(page, uuid), 'Processed');
    const text = await row(page, uuid).textContent();
    for (const part of ['new-one', '1920 × 1080', 'h264']) expect(text).toContain(part);
    expect(await page.evaluate('window.same')).toBe(true);
    await shows(page.locator('.tile.processed'), '1');
  });

  it('tells of a failed alert what it means, why it took so long, and retries it', async () => {
    await damage('one');
    const uuid = await failedAlert('one');
    const page = await open();
    await row(page, uuid).click();
    const detail = page.locator('.detail');
    for (const part of ['video_unreadable', 'no moov box', 'The file is no video', 'Longest wait', 'Store notified']) {
      await shows(detail, part);
    }
    expect(page.url()).toBe(`${house.api}/?alert=${uuid}`);
    await mend('one');
    await button(page, 'Retry this alert').click();
    await shows(detail, 'Processed');
    await shows(detail, '1920 × 1080');
    await shows(row(page, uuid), 'Processed');
    expect(await statusOf(uuid)).toBe('processed');
  });

  it('plays the video from the video server', async () => {
    const uuid = await house.post({ video: '/videos/test_5.webm' });
    const page = await open(`/?alert=${uuid}`);
    await shows(page.locator('.detail'), '640 × 360');
    const video = page.locator('video');
    expect(await video.getAttribute('src')).toBe(`${house.videos}/videos/test_5.webm`);
    await expect
      .poll(() => video.evaluate((element) => Reflect.get(element, 'videoWidth')), { timeout: 10_000 })
      .toBe(640);
  });

  it('says so when somebody else was first to retry', async () => {
    await damage('late');
    const uuid = await failedAlert('late');
    const page = await open(`/?alert=${uuid}`);
    await button(page, 'Retry this alert').waitFor();
    // Past the stream of changes: only `changed` leads into it.
    await house.db.alert.update({ where: { uuid }, data: { status: 'processed', failureCode: null } });
    await button(page, 'Retry this alert').click();
    await page.getByText('Not retried: The alert is processed, not failed.').waitFor();
    await shows(page.locator('.detail'), 'Processed');
    forgive(page, /409/);
  });

  it('retries those of one cause: first only tells which, then does it', async () => {
    await damage('many');
    const uuids = await Promise.all([failedAlert('many'), failedAlert('many'), failedAlert('many')]);
    const page = await open('/?store=many');
    await button(page, 'Retry these 3').click();
    const dialog = page.getByRole('dialog');
    await shows(dialog, '3 alerts match');
    for (const uuid of uuids) await shows(dialog, uuid);
    await button(page, 'Cancel').click();
    await dialog.waitFor({ state: 'hidden' });
    for (const uuid of uuids) expect(await statusOf(uuid)).toBe('failed');

    await mend('many');
    await button(page, 'Retry these 3').click();
    await button(page, 'Retry 3').click();
    await page.getByText('3 alerts retried.').waitFor();
    for (const uuid of uuids) await shows(row(page, uuid), 'Processed');
    await page.getByText('None. Every alert of this period that ended was processed.').waitFor();
  });

  it('keeps its filters over a reload, and gives them back one by one', async () => {
    const [here, there] = [await house.post({ store: 'here' }), await house.post({ store: 'there' })];
    const page = await open();
    await row(page, there).waitFor();
    await filters(page).getByLabel('Store').fill('here');
    await filters(page).getByLabel('Store').press('Enter');
    await row(page, there).waitFor({ state: 'detached' });
    await filters(page).getByLabel('Status').selectOption('Processed');
    await filters(page).getByLabel('Received').selectOption('Last hour');
    expect(page.url()).toBe(`${house.api}/?status=processed&store=here&range=1h`);
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

  it('shows what strangers wrote as text, unseen characters by their numbers', async () => {
    const store = '<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp';
    const page = await open();
    const uuid = await house.post({ store });
    await shows(row(page, uuid), '<script>alert(1)</script><img src=x onerror=alert(2)>\\u{202e}gnp');
    // The api takes no control characters; a row may have them all the same.
    const odd = randomUUID();
    const data = { uuid: odd, store: 'a\u0007b\u001b[31m', video: '/videos/test_2.mp4', timestamp: 1, requestId: 'r' };
    await house.db.alert.create({ data });
    await page.reload();
    await shows(row(page, odd), 'a\\u{7}b\\u{1b}[31m');
    await row(page, uuid).click();
    await shows(page.locator('.detail h2'), '<script>alert(1)</script>');
    expect(await page.locator('#page script, #page img').count()).toBe(0);
  });

  it('says that it is cut off, comes back by itself, and knows what happened meanwhile', async () => {
    const page = await open();
    const uuid = await house.post({ store: 'before' });
    await shows(row(page, uuid), 'Processed');
    await house.stopApi();
    await page.getByText('Reconnecting', { exact: true }).waitFor();
    await page.getByText('Not connected.').waitFor();
    const data = { uuid: randomUUID(), store: 'meanwhile', video: '/videos/test_2.mp4', timestamp: 1, requestId: 'r' };
    await house.db.alert.create({ data });
    await house.startApi();
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 20_000 });
    await shows(row(page, data.uuid), 'meanwhile');
    forgive(page, /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
  });
});
