import { describe, expect, it } from 'vitest';
import { findBrowser, goTo, POLL_TIMEOUT, TEST_TIMEOUT } from './browser.ts';
import { useDestinations } from './destinations.ts';

// Deliveries and mutes on the page with everything behind it.

const found = await findBrowser();

describe.skipIf('missing' in found)('deliveries and mutes on the operator’s page', TEST_TIMEOUT, () => {
  const on = useDestinations('path' in found ? found.path : '');
  const { api, addWebhook, open, openWebhook, button, detail, shows, ignoreErrors, waitForStatus } = on;
  const healthOf = async (id: string) => (await api('GET', `/destinations/${id}`)).health as Record<string, unknown>;

  it('shows the deliveries of a destination and of an alert, with attempts, errors and the next attempt', async () => {
    on.receiver.behave({ status: 500, body: 'out of order' });
    const id = await openWebhook();
    const uuid = await on.stack.post({ store: 'harbour' });
    const delivery = on.page.locator('.delivery');
    await delivery.getByText('1 attempt so far.').waitFor();
    await delivery.getByText('The next one').waitFor();
    await delivery.locator('summary').click();
    await delivery.locator('.attempts').getByText('500').waitFor();
    await delivery.locator('.response').getByText('out of order').waitFor();
    await on.page.getByLabel('Status of the deliveries').selectOption('Delivered');
    await shows('No delivery has this status.');
    expect(on.page.url()).toContain('delivery_status=delivered');
    await on.page.getByLabel('Status of the deliveries').selectOption('Pending');
    await delivery.getByRole('link', { name: 'harbour' }).click();
    await on.page.locator('.timeline').waitFor();
    expect(on.page.url()).toBe(`${on.stack.apiUrl}/?alert=${uuid}`);
    await on.page.locator('.deliveries').getByText('Pending').waitFor();
    await on.stack.db.delivery.updateMany({ data: { status: 'delivered', deliveredAt: new Date() } });
    await on.page.locator('.deliveries').getByText('Delivered').waitFor();
    await on.page.locator('.deliveries').getByRole('link', { name: 'hooks' }).click();
    await on.page.locator('.destination-table').waitFor();
    expect(on.page.url()).toBe(`${on.stack.apiUrl}/?view=destinations&destination=${id}`);
  });

  it('retries failed deliveries after it has counted them, or one of them', async () => {
    on.receiver.behave({ status: 500, body: '' });
    const id = await openWebhook();
    const uuids = [
      await on.stack.post({ store: 'a' }),
      await on.stack.post({ store: 'b' }),
      await on.stack.post({ store: 'c' }),
    ];
    await expect.poll(async () => (await healthOf(id)).pending, POLL_TIMEOUT).toBe(3);
    await expect.poll(() => on.receiver.received.length, POLL_TIMEOUT).toBeGreaterThanOrEqual(3);
    // Ten attempts take days.
    await on.stack.db.delivery.updateMany({ data: { status: 'failed' } });
    on.receiver.behave({ status: 204, body: '' });
    await button('Retry this delivery').first().press('Enter');
    expect(await on.page.evaluate('document.activeElement.className')).toBe('delivery');
    await waitForStatus(id, 'delivered', 1);
    await button('Retry these 2').click();
    await on.page.getByRole('dialog').getByText('2 failed deliveries match.').waitFor();
    await button('Cancel').click();
    await waitForStatus(id, 'failed', 2);
    await button('Retry these 2').click();
    await button('Retry 2').click();
    await waitForStatus(id, 'delivered', 3);
    await button(/Retry these/).waitFor({ state: 'detached' });
    expect(uuids).toHaveLength(3);
  });

  it('mutes a store until a time, shows a bar and counts what was not sent', async () => {
    const { id } = await addWebhook('hooks');
    await open();
    await button('Add mute').click();
    await button('Mute').click();
    await on.page.getByRole('alert').waitFor();
    ignoreErrors(/422/);
    await on.input('Store').fill('quiet-store');
    await on.input('For').selectOption('1 hour');
    await on.input('Reason').fill('Camera is being repaired');
    await button('Mute').click();
    const bar = on.page.locator('.mute-banner');
    await bar.getByText('store quiet-store').waitFor();
    await on.stack.post({ store: 'quiet-store' });
    await waitForStatus(id, 'muted', 1);
    await on.page.locator('.mutes li').getByText('1 delivery not sent so far.').waitFor();
    await goTo(on.page, `${on.stack.apiUrl}/`);
    await bar.getByText('1 delivery not sent so far.').waitFor();
    await bar.getByRole('link', { name: 'Show mutes' }).click();
    await button('End now').click();
    await bar.waitFor({ state: 'detached' });
    expect(await on.page.evaluate('document.activeElement.id')).toBe('mutes-title');
    expect(on.receiver.received).toEqual([]);
  });

  it('warns on every view of a destination that fails ten times in a row or was disabled automatically', async () => {
    const [failing, gone] = [await addWebhook('failing'), await addWebhook('gone')];
    const health = { consecutiveFailures: 12, lastError: 'connection refused', lastErrorAt: new Date() };
    await on.stack.db.destination.update({ where: { id: failing.id }, data: { ...health, enabled: true } });
    await open('/');
    const banner = on.page.locator('.banner.failing');
    await banner.getByText('Destination failing fails: 12 attempts in a row. connection refused').waitFor();
    await banner.getByRole('link', { name: 'failing' }).click();
    await detail().getByText('12 attempts failed in a row').waitFor();
    on.receiver.behave({ status: 410, body: '' });
    await on.stack.db.destination.delete({ where: { id: failing.id } });
    await on.stack.post({ store: 'any' });
    await expect.poll(async () => (await healthOf(gone.id)).state, POLL_TIMEOUT).toBe('disabled');
    await banner.getByText(/Destination gone was disabled automatically: .*410/).waitFor();
  });
});
