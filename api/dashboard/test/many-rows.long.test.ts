import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startTestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT } from './browser.ts';
import { seed } from './seed.ts';

// What makes a page slow is counted, because times depend on the machine: nodes in the document, and nodes that a change touches.

const ALERTS = 10_000;
/** Of a window of 800 px, with some above and below. */
const MAX_ROWS = 60;
const MAX_NODES = 4_000;
const found = await findBrowser();

describe.skipIf('missing' in found)('a list', TEST_TIMEOUT, () => {
  it(`of ${ALERTS} loaded alerts renders the visible ones, wherever the user scrolls and however it is sorted`, async () => {
    const [api, browser] = await Promise.all([
      startTestApi({ databaseTimeoutMs: POLL_TIMEOUT.timeout }),
      launch('path' in found ? found.path : ''),
    ]);
    onTestFinished(async () => {
      await browser.close();
      await api.close();
    });
    await seed(api.db, { count: ALERTS, ms: 3_600_000, end: Date.now() });
    const page = await openPage(browser, [api.url], { viewport: { width: 1440, height: 800 } });
    await goTo(page, api.url);
    await page.getByText('Live', { exact: true }).waitFor();
    const rows = page.locator('.body .row');
    const nodes = () => page.evaluate<number>("document.querySelectorAll('*').length");
    const expectFew = async () => {
      expect(await rows.count()).toBeLessThanOrEqual(MAX_ROWS);
      expect(await nodes()).toBeLessThan(MAX_NODES);
    };

    await rows.first().locator('a').focus();
    const total = page.getByText('10,000 alerts in total');
    while (!(await total.isVisible())) {
      await page.keyboard.press('End');
      await expect.poll(() => page.locator('.table').getAttribute('aria-busy'), POLL_TIMEOUT).toBe('false');
    }
    await expectFew();
    const table = page.getByRole('table', { name: 'Alerts' });
    expect(await table.getAttribute('aria-rowcount')).toBe(`${ALERTS + 1}`);
    await page.keyboard.press('End');
    await expect.poll(() => rows.last().getAttribute('aria-rowindex'), POLL_TIMEOUT).toBe(`${ALERTS + 1}`);

    for (const part of [0.75, 0.5, 0.25, 0]) {
      await page.evaluate(`scrollTo(0, ${part} * document.documentElement.scrollHeight)`);
      const visible = "document.elementFromPoint(200, 500)?.closest('[data-uuid]')?.dataset.uuid";
      await expect.poll(() => page.evaluate(visible), POLL_TIMEOUT).toBeDefined();
      await expectFew();
    }

    await page.getByRole('columnheader', { name: 'Store' }).getByRole('button').click();
    await expect.poll(() => rows.first().locator('.store').textContent(), POLL_TIMEOUT).toContain('airport-t2');
    await expectFew();

    await page.getByLabel('Select all loaded alerts').click();
    await page.getByText('10,000 selected').waitFor();
    await expectFew();

    // One more alert adds one row and removes one; all others stay.
    await page.evaluate(`
      const observer = new MutationObserver((records) => {
        for (const { addedNodes, removedNodes } of records) window.changedRows += addedNodes.length + removedNodes.length;
      });
      window.changedRows = 0;
      observer.observe(document.querySelector('.body'), { childList: true });`);
    const uuid = randomUUID();
    await api.post({ uuid, video: '/videos/a.mp4', timestamp: 1, store: 'aa' });
    await page.locator(`[data-uuid="${uuid}"]`).waitFor();
    expect(await page.evaluate('window.changedRows')).toBeLessThanOrEqual(4);
    expect(page.errors).toEqual([]);
  });
});
