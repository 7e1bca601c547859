import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { seed } from './seed.ts';
import { type PageStack, startPageStack } from './stack.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('holds on the operator’s page', TEST_TIMEOUT, () => {
  let stack: PageStack;
  let browser: Browser;
  let page: WatchedPage;
  beforeAll(async () => {
    [stack, browser] = await Promise.all([startPageStack(), launch('path' in found ? found.path : '')]);
    await seed(stack.db, { count: 20, ms: 600_000, end: Date.now() });
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.close();
  });

  const open = async (path: string) => {
    page = await openPage(browser, [stack.apiUrl, stack.videosPublicUrl]);
    await goTo(page, `${stack.apiUrl}${path}`);
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const dialog = () => page.getByRole('dialog');

  async function processedAlert(skip: number): Promise<string> {
    const { uuid } = await stack.db.alert.findFirstOrThrow({
      where: { status: 'processed' },
      orderBy: { id: 'asc' },
      skip,
    });
    return uuid;
  }

  it('holds an alert with a reason, lists it, and releases it', async () => {
    const uuid = await processedAlert(0);
    await open(`/?alert=${uuid}`);
    await button('Hold').click();
    expect(await dialog().getByRole('button', { name: 'Hold' }).isDisabled()).toBe(true);
    await dialog().getByLabel('Reason').fill('case 2026-0147');
    await dialog().getByRole('button', { name: 'Hold' }).click();
    await page.getByText('case 2026-0147').waitFor();
    expect(await button('Delete').count()).toBe(0);
    await page.getByLabel('Close').click();
    await page.getByLabel('Legal hold').selectOption('Held');
    await page.locator(`[data-uuid="${uuid}"] .held`).waitFor();
    await expect.poll(() => page.locator('.body .row').count(), POLL_TIMEOUT).toBe(1);
    expect(page.url()).toContain('held=true');
    await page.locator(`[data-uuid="${uuid}"] a`).first().click();
    await button('Release').click();
    await dialog().getByRole('button', { name: 'Release' }).click();
    await button('Hold').waitFor();
    await expect.poll(() => page.locator('.body .row').count(), POLL_TIMEOUT).toBe(0);
  });

  it('deletes an alert after confirmation, and shows who did it', async () => {
    const uuid = await processedAlert(1);
    await open(`/?alert=${uuid}`);
    await button('Delete').click();
    await dialog().getByText('cannot be undone').waitFor();
    await dialog().getByRole('button', { name: 'Delete' }).click();
    await page.locator('.detail').waitFor({ state: 'detached' });
    await page.locator(`[data-uuid="${uuid}"]`).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Audit', exact: true }).click();
    const entry = page.locator('.audit-log li', { hasText: uuid }).first();
    await entry.getByText('Deleted an alert').waitFor();
    await page.getByLabel('Action').selectOption('Held an alert');
    await entry.waitFor({ state: 'detached' });
    await goTo(page, `${stack.apiUrl}/?view=audit&target=${uuid}`);
    await page.locator('.audit-log li').first().waitFor();
    expect(await page.locator('.audit-log li').count()).toBe(1);
  });
});
