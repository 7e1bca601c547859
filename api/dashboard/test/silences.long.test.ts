import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT } from './browser.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('the banner of silent stores', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  const silent = (...stores: [store: string, camera?: string][]) => api.db.$executeRaw`
    INSERT INTO silences (store, camera, since, expected, notified_at)
    SELECT store, camera, now() - interval '3 hours', 41.2, now()
    FROM unnest(${stores.map(([store]) => store)}::text[], ${stores.map(([, camera = '']) => camera)}::text[]) AS n (store, camera)`;

  it.each([
    ['light', 1440],
    ['dark', 1440],
    ['light', 390],
  ] as const)('names them, links to their alerts and disappears with them (%s, %i px)', async (colorScheme, width) => {
    await api.db.$executeRaw`TRUNCATE silences`;
    await silent(['harbour <b>'], ['airport', 'entrance']);
    const page = await openPage(browser, [api.url], { colorScheme, viewport: { width, height: 844 } });
    const banner = page.locator('.banner.silences');
    await goTo(page, api.url);
    await expect
      .poll(() => banner.textContent(), POLL_TIMEOUT)
      .toMatch(/airport, camera entrance, has sent no alert since/);
    expect(await banner.textContent()).toMatch(/harbour <b> has sent no alert since .+ \(3 h ago\)/);
    await expectAccessible(page);
    await page.getByRole('link', { name: 'airport' }).click();
    await expect.poll(() => page.url(), POLL_TIMEOUT).toContain('store=airport');

    await silent(['c'], [''], ['d', 'yard']);
    await page.reload();
    await banner.getByText('5 stores or cameras').click();
    await expect.poll(() => banner.textContent(), POLL_TIMEOUT).toContain('Nearly all stores have sent no alert');
    await expectAccessible(page);
    await api.db.$executeRaw`UPDATE silences SET ended_at = now()`;
    await expect.poll(() => banner.count(), POLL_TIMEOUT).toBe(0);
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
});
