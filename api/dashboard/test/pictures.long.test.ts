import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, BrowserContextOptions, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { type PageStack, startPageStack } from './stack.ts';

// Pictures and playable copies with everything behind them: API, worker, ffmpeg, video server and Chromium.

const found = await findBrowser();
const ffmpeg = await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);
const missing = 'missing' in found || 'missing' in ffmpeg;

describe.skipIf(missing)('pictures on the operator’s page', TEST_TIMEOUT, () => {
  let stack: PageStack;
  let browser: Browser;
  let page: WatchedPage;

  beforeAll(async () => {
    const SECRETS_KEY = randomBytes(32).toString('base64');
    [stack, browser] = await Promise.all([startPageStack({ SECRETS_KEY }), launch('path' in found ? found.path : '')]);
    const input = [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=size=640x360:rate=5:duration=2',
      '-f',
      'lavfi',
      '-i',
      'sine=duration=2',
    ];
    const codec = ['-c:v', 'libx265', '-x265-params', 'log-level=error:pools=none', '-pix_fmt', 'yuv420p'];
    await promisify(execFile)('ffmpeg', ['-v', 'error', ...input, ...codec, join(stack.folder, 'phone.mkv')]);
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.close();
  });

  async function open(path = '/', options: BrowserContextOptions = {}): Promise<WatchedPage> {
    page = await openPage(browser, [stack.apiUrl, stack.videosPublicUrl], options);
    await goTo(page, stack.apiUrl + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }
  const row = (uuid: string) => page.locator(`[data-uuid="${uuid}"]`);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const naturalWidth = (image: Locator) =>
    expect.poll(() => image.evaluate((element) => Reflect.get(element, 'naturalWidth')), POLL_TIMEOUT);
  const focused = () => page.evaluate<string>('document.activeElement.tagName');

  it('appear in the list without a reload or a shift, describe themselves, and can be hidden', async () => {
    await open();
    const uuid = await stack.post({ video: '/videos/test_1.avi', store: 'harbour', timestamp: 1748871320 });
    await row(uuid).waitFor();
    const before = await row(uuid).boundingBox();
    const image = row(uuid).locator('img');
    await naturalWidth(image).toBe(640);
    const after = await row(uuid).boundingBox();
    expect([after?.height, after?.width]).toEqual([before?.height, before?.width]);
    expect(await image.getAttribute('alt')).toMatch(/^harbour, 2 Jun 2025, .+, 1280 × 720$/);
    expect(await image.getAttribute('loading')).toBe('lazy');
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 800 });
    await expect.poll(() => page.evaluate('document.documentElement.scrollWidth'), POLL_TIMEOUT).toBe(360);
    await naturalWidth(image).toBe(640);
    await expectAccessible(page);

    await page.getByLabel('Pictures').uncheck();
    await image.waitFor({ state: 'detached' });
    await page.reload();
    await row(uuid).getByText('harbour').waitFor();
    expect(await row(uuid).locator('.picture').count()).toBe(0);
    expect(await page.getByLabel('Pictures').isChecked()).toBe(false);
    await page.getByLabel('Pictures').check();
    await naturalWidth(image).toBe(640);
  });

  it.each([
    ['an AVI', '/videos/test_1.avi', 'Browsers cannot play .avi files.', 1280],
    ['an HEVC MKV', '/videos/phone.mkv', 'This browser cannot', 640],
  ])('of %s: a picture, then a copy that plays, by keyboard', async (_what, video, reason, width) => {
    const uuid = await stack.post({ video });
    await stack.waitUntilNotified(uuid);
    await open(`/?alert=${uuid}`);
    await naturalWidth(page.locator('.large-picture')).toBe(640);
    await page.locator('.video-error').getByText(reason).waitFor();
    await button('Make a playable copy').focus();
    await page.keyboard.press('Enter');
    const player = page.locator('video');
    await player.waitFor();
    await expect.poll(focused, POLL_TIMEOUT).toBe('VIDEO');
    expect(await player.getAttribute('poster')).toBe(`/alerts/${uuid}/picture`);
    await player.evaluate((element) => Reflect.get(element, 'play').call(element));
    const time = () => player.evaluate((element) => Reflect.get(element, 'currentTime'));
    await expect.poll(time, POLL_TIMEOUT).toBeGreaterThan(0.2);
    expect(await player.evaluate((element) => Reflect.get(element, 'videoWidth'))).toBe(width);
    await page.reload();
    await player.waitFor();
    expect(await button('Make a playable copy').count()).toBe(0);
    await expectAccessible(page);
  });

  it('can be shared by links, which can be revoked', async () => {
    const uuid = await stack.post({ video: '/videos/test_2.mp4' });
    await stack.waitUntilNotified(uuid);
    await open(`/?alert=${uuid}`);
    await page.getByText('Share a link').click();
    await page.getByLabel('Valid for').selectOption('24 hours');
    await button('Copy link to the picture').click();
    const link = await page.getByLabel('Link to the picture').inputValue();
    await expectAccessible(page);
    const response = await fetch(link);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/webp']);
    await button('Revoke all links').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('All links of this alert are invalid.').waitFor();
    expect([403, 404, 410]).toContain((await fetch(link)).status);
  });
});
