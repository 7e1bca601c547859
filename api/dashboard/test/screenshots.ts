import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions } from 'playwright-core';
import { expect, it } from 'vitest';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT } from './browser.ts';
import { seed } from './seed.ts';
import { startPageStack } from './stack.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const MAX_BYTES = 150_000;
const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };

/** Whether the first chart has drawn a bar: the page draws after it has rendered. */
const HAS_BARS = `(() => {
  const canvas = document.querySelector('.chart canvas');
  const color = getComputedStyle(document.documentElement).getPropertyValue('--chart-bar');
  const bar = color.match(/[0-9a-f]{2}/g).map((hex) => Number.parseInt(hex, 16));
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) if (bar.every((value, n) => data[i + n] === value)) return true;
  return false;
})()`;

it('takes the screenshots', async () => {
  const found = await findBrowser();
  if ('missing' in found) throw new Error(found.missing);
  const [stack, browser] = await Promise.all([startPageStack(), launch(found.path)]);
  await seed(stack.db, { count: 900, ms: 3_600_000, end: Date.now() });
  for (const store of ['station-west', 'riverside', 'old-town']) await stack.post({ store });
  const failed = await stack.db.alert.findFirstOrThrow({
    where: { failureCode: 'video_timeout', video: '/videos/test_2.mp4' },
    orderBy: { receivedAt: 'desc' },
  });
  const failurePath = `/?status=failed&alert=${failed.uuid}`;
  const screenshots: [name: string, path: string, options: BrowserContextOptions][] = [
    ['page-light', '/', { ...DESKTOP, colorScheme: 'light' }],
    ['page-dark', '/', { ...DESKTOP, colorScheme: 'dark' }],
    ['page-failure', failurePath, { viewport: { width: 1440, height: 1120 }, colorScheme: 'light' }],
    ['page-phone', '/', { ...PHONE, colorScheme: 'light' }],
  ];
  await mkdir(FOLDER, { recursive: true });
  for (const [name, path, options] of screenshots) {
    const page = await openPage(browser, [stack.apiUrl, stack.videosPublicUrl], {
      ...options,
      timezoneId: 'Europe/Berlin',
    });
    await goTo(page, stack.apiUrl + path);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator(path === '/' ? '.tile.processed b' : '.timeline').waitFor();
    await expect.poll(() => page.evaluate(HAS_BARS), POLL_TIMEOUT).toBe(true);
    if (path !== '/') {
      const readyState = () => page.locator('video').evaluate((video) => Reflect.get(video, 'readyState'));
      await expect.poll(readyState, POLL_TIMEOUT).toBeGreaterThanOrEqual(2);
    }
    // Playwright only creates PNG and JPEG, which are four times as large as WebP.
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
    const image = Buffer.from(data, 'base64');
    expect(image.length).toBeLessThan(MAX_BYTES);
    await writeFile(join(FOLDER, `${name}.webp`), image);
    expect(page.errors).toEqual([]);
    await page.context().close();
  }
  await browser.close();
  await stack.close();
});
