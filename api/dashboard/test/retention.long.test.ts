import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, TEST_TIMEOUT } from './browser.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('the retention rules', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  it('are set and deleted after a confirmation that says how many alerts are deleted', async () => {
    await api.db.$executeRaw`
      INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, updated_at, notified_at)
      SELECT gen_random_uuid(), '/a.mp4', 'harbour', 1, 'r', 'processed', now() - make_interval(days => n), now(), now()
      FROM generate_series(1, 40) n`;
    const page = await openPage(browser, [api.url]);
    await goTo(page, `${api.url}/`);
    await page.getByRole('link', { name: 'Retention' }).click();
    await page.getByText('There are no rules.').waitFor();
    await page.getByRole('button', { name: 'Set rule' }).click();
    await page.getByLabel('Store').fill('harbour');
    await page.getByLabel('Days').fill('0');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('must be at least 1').waitFor();
    await page.getByLabel('Days').fill('30');
    await page.getByRole('button', { name: 'Continue' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('11 alerts are deleted within the next minutes').waitFor();
    expect(await api.db.retentionRule.count()).toBe(0);
    await dialog.getByRole('button', { name: 'Save rule' }).click();
    await page.getByRole('cell', { name: '30 days' }).waitFor();
    expect(await api.db.retentionRule.findMany()).toMatchObject([{ store: 'harbour', status: null, days: 30 }]);
    await page.getByRole('button', { name: 'Delete the rule of harbour' }).click();
    await dialog.getByText('No alerts are deleted now.').waitFor();
    await dialog.getByRole('button', { name: 'Delete rule' }).click();
    await page.getByText('There are no rules.').waitFor();
    expect(await api.db.retentionRule.count()).toBe(0);
    await page.context().close();
    // The API has rejected the 0 days.
    expect(page.errors.filter((error) => !error.includes('422'))).toEqual([]);
  });
});
