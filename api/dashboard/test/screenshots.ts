import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions } from 'playwright-core';
import { expect, it } from 'vitest';
import { findBrowser, goTo, launch, openPage } from './browser.ts';
import { seed } from './seed.ts';
import { openStack } from './stack.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const MOST_BYTES = 150_000;
const WIDE = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };

it('takes the pictures of the README', async () => {
  const found = await findBrowser();
  if ('missing' in found) throw new Error(found.missing);
  const [house, browser] = await Promise.all([openStack(), launch(found.path)]);
  await seed(house.db, { count: 900, ms: 3_600_000, end: Date.now() });
  for (const store of ['station-west', 'riverside', 'old-town']) await house.post({ store });
  const failed = await house.db.alert.findFirstOrThrow({
    where: { failureCode: 'video_timeout', video: '/videos/test_2.mp4' },
    orderBy: { receivedAt: 'desc' },
  });
  const pictures: [name: string, path: string, options: BrowserContextOptions][] = [
    ['page-light', '/', { ...WIDE, colorScheme: 'light' }],
    ['page-dark', '/', { ...WIDE, colorScheme: 'dark' }],
    [
      'page-failure',
      `/?status=failed&alert=${failed.uuid}`,
      { viewport: { width: 1440, height: 1120 }, colorScheme: 'light' },
    ],
    ['page-phone', '/', { ...PHONE, colorScheme: 'light' }],
  ];
  await mkdir(FOLDER, { recursive: true });
  for (const [name, path, options] of pictures) {
    const page = await openPage(browser, [house.api, house.videos], { ...options, timezoneId: 'Europe/Berlin' });
    await goTo(page, house.api + path);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator(path === '/' ? '.tile.processed b' : '.timeline').waitFor();
    if (path !== '/') {
      const state = () => page.locator('video').evaluate((video) => Reflect.get(video, 'readyState'));
      await expect.poll(state, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
    }
    // Not Playwright's own: that makes PNG and JPEG, four times the size.
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
    const picture = Buffer.from(data, 'base64');
    expect(picture.length).toBeLessThan(MOST_BYTES);
    await writeFile(join(FOLDER, `${name}.webp`), picture);
    expect(page.faults).toEqual([]);
    await page.context().close();
  }
  await browser.close();
  await house.close();
});
