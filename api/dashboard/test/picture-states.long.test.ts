import { randomUUID } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Prisma } from '#prisma/generated/client.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';

// Alerts without pictures on the operator's page. pictures.long.test.ts tests those that have one.

const found = await findBrowser();

describe.skipIf('missing' in found)('the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;

  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  /** Inserts a processed alert with the row of its picture. */
  async function insert(picture: Omit<Prisma.PictureUncheckedCreateInput, 'alertId'> | undefined): Promise<string> {
    const uuid = randomUUID();
    const at = new Date();
    const result = { resolution: '640x360', width: 640, height: 360, rotation: 0, codec: 'h264', container: 'mp4' };
    const times = { receivedAt: at, startedAt: at, processedAt: at, notifiedAt: at };
    const row = { store: 'one', video: '/videos/a.mp4', timestamp: 1, requestId: 'test', attempts: 1, uuid };
    await api.db.alert.create({
      data: { ...row, ...result, ...times, status: 'processed', ...(picture ? { picture: { create: picture } } : {}) },
    });
    return uuid;
  }
  async function open(path = '/'): Promise<void> {
    page = await openPage(browser, [api.url]);
    await goTo(page, api.url + path);
    await page.getByText('Live', { exact: true }).waitFor();
  }
  const cell = (uuid: string) => page.locator(`[data-uuid="${uuid}"] .picture`);
  const reasonIn = (uuid: string) =>
    expect.poll(() => cell(uuid).locator('[title]').getAttribute('title'), POLL_TIMEOUT);
  const boxOf = async (uuid: string) => {
    const { x, width, height } = (await cell(uuid).boundingBox()) ?? expect.fail('no cell');
    return { x, width, height };
  };

  it('shows in the list and in the details why an alert has no picture', async () => {
    const uuid = await insert({ status: 'none', reason: 'frame_damaged', detail: 'its first frame is damaged <b>' });
    await open();
    await reasonIn(uuid).toBe('No picture: its first frame is damaged <b>');
    await expectAccessible(page);
    // The box is above the row's link.
    await cell(uuid).locator('[title]').click();
    await page.locator('.picture-reason').getByText('No picture: its first frame is damaged <b>').waitFor();
    await expectAccessible(page);
  });

  it('requests a picture that is being made until it is finished, without moving the list', async () => {
    const uuid = await insert({ status: 'pending' });
    await open();
    await reasonIn(uuid).toBe('Picture: it is being made');
    const box = await boxOf(uuid);
    const { id } = await api.db.alert.findUniqueOrThrow({ where: { uuid } });
    // No event reports this.
    const data = { status: 'none', reason: 'no_decoder', detail: 'ffmpeg is not installed' } as const;
    await api.db.picture.update({ where: { alertId: id }, data });
    await reasonIn(uuid).toBe('No picture: ffmpeg is not installed');
    expect(await boxOf(uuid)).toEqual(box);
  });

  it('in the details, too', async () => {
    const uuid = await insert({ status: 'pending' });
    await open(`/?alert=${uuid}`);
    await page.locator('.picture-reason').getByText('Picture: it is being made.').waitFor();
    const { id } = await api.db.alert.findUniqueOrThrow({ where: { uuid } });
    const data = { status: 'none', reason: 'decoder_timeout', detail: 'the decoder took too long' } as const;
    await api.db.picture.update({ where: { alertId: id }, data });
    await page.locator('.picture-reason').getByText('No picture: the decoder took too long.').waitFor();
  });

  it('hides pictures by keyboard, and remembers it', async () => {
    const uuid = await insert({ status: 'none', reason: 'frame_damaged', detail: 'damaged' });
    await open();
    await cell(uuid).waitFor();
    await page.getByLabel('Pictures').focus();
    await page.keyboard.press('Space');
    await cell(uuid).waitFor({ state: 'detached' });
    await page.reload();
    await page.locator(`[data-uuid="${uuid}"]`).waitFor();
    expect(await cell(uuid).count()).toBe(0);
    await page.getByLabel('Pictures').press('Space');
    await cell(uuid).waitFor();
  });

  it('has neither a column nor a switch for pictures with PICTURES=off', async () => {
    const without = await startTestApi({ pictures: false });
    try {
      page = await openPage(browser, [without.url]);
      await goTo(page, without.url);
      await page.getByText('Live', { exact: true }).waitFor();
      await page.locator('.alerts').waitFor();
      expect(await page.getByLabel('Pictures', { exact: true }).count()).toBe(0);
      expect(await page.locator('.with-pictures').count()).toBe(0);
    } finally {
      await without.close();
    }
    await open();
    await page.getByLabel('Pictures', { exact: true }).waitFor();
  });
});
