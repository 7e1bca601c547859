import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT } from './browser.ts';
import { startPageStack } from './stack.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('the list of the operator’s page', TEST_TIMEOUT, () => {
  it('does not move when the page reconnects while the user reads older alerts', async () => {
    const stack = await startPageStack();
    onTestFinished(() => stack.close());
    const browser = await launch('path' in found ? found.path : '');
    onTestFinished(() => browser.close());
    const columns = { store: 'a', video: '/videos/a.mp4', timestamp: 1, requestId: 'r', notifiedAt: new Date() };
    const insert = (minutesAgo: number) => {
      const receivedAt = new Date(Date.now() - minutesAgo * 60_000);
      return stack.db.alert.create({ data: { ...columns, uuid: randomUUID(), status: 'processed', receivedAt } });
    };
    for (let minutesAgo = 1; minutesAgo <= 60; minutesAgo += 1) await insert(minutesAgo);
    const page = await openPage(browser, [stack.apiUrl]);
    await goTo(page, stack.apiUrl);
    await page.locator('.body .row').nth(10).waitFor();
    await page.evaluate('scrollTo(0, 900)');
    const visibleAlert = (): Promise<string | undefined> =>
      page.evaluate('document.elementFromPoint(200, 500)?.closest("[data-uuid]")?.dataset.uuid');
    await expect.poll(visibleAlert, POLL_TIMEOUT).toBeDefined();
    const before = await visibleAlert();
    const pinged = page.waitForEvent('console', { predicate: (message) => message.text() === 'ping' });
    // The page's own stream has its heartbeats at about the same time.
    await page.evaluate(
      "new EventSource('/alerts/events').addEventListener('ping', () => console.log('ping'), { once: true })",
    );
    await pinged;

    stack.apis[0]?.pause();
    await page.getByText('Reconnecting', { exact: true }).waitFor();
    const { uuid } = await insert(0);
    stack.apis[0]?.resume();

    await page.getByRole('button', { name: 'Show 1 new alert' }).waitFor();
    expect(await visibleAlert()).toBe(before);
    await page.getByRole('button', { name: 'Show 1 new alert' }).click();
    await page.locator(`[data-uuid="${uuid}"]`).waitFor();
  });
});
