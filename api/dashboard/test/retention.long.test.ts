import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordRun } from '#backup/runs.ts';
import { archiveAndRestore } from '../../test/archived-alerts.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('retention on the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  /** Expects that the page is accessible and as wide as the screen, on a desktop and on a phone. */
  async function expectReadable(page: WatchedPage): Promise<void> {
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: 800 });
      await expect.poll(() => page.evaluate('innerWidth'), POLL_TIMEOUT).toBe(width);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await expectAccessible(page);
    }
  }

  it('sets and deletes rules after a confirmation that says how many alerts are deleted', async () => {
    await api.db.$executeRaw`
      INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, updated_at, notified_at)
      SELECT gen_random_uuid(), '/a.mp4', 'harbour', 1, 'r', 'processed', now() - make_interval(days => n, secs => 1), now(), now()
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

  it('shows when the last backup and the last restore drill succeeded, and when the next one is overdue', async () => {
    const page = await openPage(browser, [api.url]);
    await goTo(page, `${api.url}/?view=retention`);
    const backups = page.getByRole('region', { name: 'Backups' });
    await backups.getByText('No backup yet: npm run backup -- --to DIR').waitFor();
    await backups.getByText('No restore drill yet: npm run restore-drill -- --from DIR').waitFor();
    await recordRun(api.databaseUrl, { kind: 'backup', name: 'alerts-of-today', seconds: 41.7 });
    await recordRun(api.databaseUrl, { kind: 'restore_drill', name: 'alerts-of-last-week', seconds: 68 });
    await api.db.$executeRaw`
      UPDATE backup_runs SET succeeded_at = now() - interval '8 days 1 minute' WHERE kind = 'restore_drill'`;
    await page.reload();
    await backups.getByText('Took 41.7 s: alerts-of-today').waitFor();
    await backups.getByText('Took 1 min 8 s: alerts-of-last-week').waitFor();
    await backups.getByText(', 8 d ago').waitFor();
    expect(await backups.getByText('Overdue since').allTextContents()).toEqual([
      expect.stringMatching(/: npm run restore-drill -- --from DIR$/),
    ]);
    await expectReadable(page);
    await page.context().close();
    expect(page.errors).toEqual([]);
  });

  it('marks alerts from the archive in the list and in their details, and does not offer to retry them', async () => {
    await seed(api.db, { count: 200, ms: 600_000, end: Date.now() });
    const failed = await api.db.alert.findMany({ where: { status: 'failed' }, take: 2, select: { uuid: true } });
    const [archived = '', other = ''] = failed.map(({ uuid }) => uuid);
    expect(await archiveAndRestore(api.db, [archived])).toBe(1);
    const page = await openPage(browser, [api.url]);
    await goTo(page, `${api.url}/?status=failed`);
    const badge = page.getByText('Archived', { exact: true });
    const retry = page.getByRole('button', { name: 'Retry this alert' });
    await page.locator(`[data-uuid="${archived}"] .archived`).waitFor();
    expect(await badge.count()).toBe(1);
    const link = page.locator(`[data-uuid="${archived}"] .store a`);
    expect(await link.getAttribute('title')).toMatch(/\nRestored from the archive: it is never processed/);
    expect(await badge.getAttribute('title')).toMatch(/^Restored from the archive/);
    await page.locator(`[data-uuid="${archived}"] a`).first().click();
    await page.locator('.detail header .archived').waitFor();
    await page.locator('.detail .failure-box').waitFor();
    expect(await retry.count()).toBe(0);
    await page.locator(`[data-uuid="${other}"] a`).first().click();
    await retry.waitFor();
    expect(await page.locator('.detail header .archived').count()).toBe(0);
    await goTo(page, `${api.url}/?status=failed&alert=${archived}`);
    await page.locator('.detail header .archived').waitFor();
    await expectReadable(page);
    await page.getByLabel('Close').click();
    await page.locator(`[data-uuid="${archived}"] .archived`).waitFor();
    await expectReadable(page);
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
});
