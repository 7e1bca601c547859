import { describe, expect, it } from 'vitest';
import { findBrowser, POLL_TIMEOUT, TEST_TIMEOUT } from './browser.ts';
import { useDestinations } from './destinations.ts';

// Destinations on the page with everything behind it: API, worker, a receiver of webhooks, database and Chromium.

const found = await findBrowser();

describe.skipIf('missing' in found)('destinations on the operator’s page', TEST_TIMEOUT, () => {
  const on = useDestinations('path' in found ? found.path : '');
  const { api, open, openWebhook, button, detail, input, row, shows, ignoreErrors, waitForStatus } = on;

  it('explains what destinations are, and is reached and used by keyboard', async () => {
    await open('/?zone=utc');
    for (let n = 0; n < 4; n += 1) await on.page.keyboard.press('Tab');
    const focused = () => on.page.evaluate<string>('document.activeElement.textContent.trim()');
    while ((await focused()) !== 'Destinations') await on.page.keyboard.press('Shift+Tab');
    await on.page.keyboard.press('Enter');
    await shows('No destinations yet.');
    await shows('A destination is notified when an alert is processed, has failed or is late');
    expect(await on.page.locator('.empty a').getAttribute('href')).toBe('/docs');
    expect(on.page.url()).toBe(`${on.stack.apiUrl}/?view=destinations&zone=utc`);
    expect(await on.page.title()).toBe('Destinations – Video alerts');
    expect(await on.page.getByRole('link', { name: 'Destinations', exact: true }).getAttribute('aria-current')).toBe(
      'page',
    );
    await row('console').getByText('built-in').waitFor();

    await button('Add destination').press('Enter');
    await expect.poll(focused, POLL_TIMEOUT).toBe('Add destination');
    await on.page.keyboard.press('Tab');
    await on.page.keyboard.press('Tab');
    await on.page.keyboard.press('Tab');
    await on.page.keyboard.type('by-keyboard');
    await on.page.keyboard.press('Tab');
    await on.page.keyboard.type(on.receiver.url);
    await on.page.keyboard.press('Enter');
    await row('by-keyboard').getByText('Not used yet').waitFor();
    await button('Done').press('Enter');
    await expect.poll(focused, POLL_TIMEOUT).toBe('by-keyboard');
    await on.page.keyboard.press('Escape');
    await detail().waitFor({ state: 'detached' });
    await expect.poll(focused, POLL_TIMEOUT).toBe('by-keyboard');
    // The destination, the list, the alerts.
    for (let step = 0; step < 3; step += 1) await on.page.goBack();
    await on.page.locator('.alert-filters').waitFor();
  });

  it('shows the API’s errors at their fields, and the signing secret of a new webhook once', async () => {
    await open('/?view=destinations', { permissions: ['clipboard-read', 'clipboard-write'] });
    await button('Add destination').first().click();
    await input('URL').fill('ftp://example.com');
    await input('Headers').fill('Authorization: Bearer t\nHost: x');
    await detail().getByRole('button', { name: 'Add destination' }).click();
    const errorOf = (label: string) => input(label).locator('xpath=..').locator('.error').textContent();
    await detail().getByRole('alert').waitFor();
    expect(await errorOf('Name')).toBe('must not be empty');
    expect(await errorOf('URL')).toContain('must be an absolute URL');
    expect(await errorOf('Headers')).toBe('Host is set by the sender');
    const name = input('Name');
    expect(await name.getAttribute('aria-invalid')).toBe('true');
    expect(await name.evaluate((input) => input === input.ownerDocument.activeElement)).toBe(true);
    ignoreErrors(/422/);

    await name.fill('orders <b>');
    await input('URL').fill(on.receiver.url);
    await input('Headers').fill('Authorization: Bearer t');
    await detail().getByRole('button', { name: 'Add destination' }).click();
    const secret = on.page.getByLabel('Signing secret');
    await expect.poll(() => secret.inputValue(), POLL_TIMEOUT).toMatch(/^whsec_/);
    await button('Copy').click();
    await on.page.getByText('Copied.').waitFor();
    expect(await on.page.evaluate('navigator.clipboard.readText()')).toBe(await secret.inputValue());
    await row('orders <b>').waitFor();
    await on.page.reload();
    await on.page.locator('.deliveries').waitFor();
    expect(await secret.count()).toBe(0);
  });

  it.each<[kind: string, fields: Record<string, string>, config: Record<string, unknown>, secrets: string[]]>([
    [
      'E-mail',
      {
        To: 'a@example.com\nb@example.com',
        From: 'c@example.com',
        'SMTP server': 'smtp.example.com',
        User: 'u',
        Password: 'p',
      },
      {
        to: ['a@example.com', 'b@example.com'],
        from: 'c@example.com',
        host: 'smtp.example.com',
        port: 587,
        security: 'starttls',
        user: 'u',
      },
      ['password'],
    ],
    ['ntfy', { Topic: 'alerts', 'Access token': 'tk_1' }, { server: 'https://ntfy.sh', topic: 'alerts' }, ['token']],
    ['Slack', { 'Webhook URL': 'https://hooks.slack.com/services/a' }, {}, ['url']],
    ['Microsoft Teams', { 'Webhook URL': 'https://x.logic.azure.com/a' }, {}, ['url']],
    ['Discord', { 'Webhook URL': 'https://discord.com/api/webhooks/a' }, {}, ['url']],
    [
      'MQTT',
      { Broker: 'mqtts://broker.example.com', User: 'u', Password: 'p' },
      {
        url: 'mqtts://broker.example.com',
        user: 'u',
        topic_prefix: 'video-alerts',
        retain: true,
        home_assistant: false,
      },
      ['password'],
    ],
  ])(
    'adds %s with a filter and grouping, and keeps secrets when it is edited',
    async (kind, fields, config, secrets) => {
      await open();
      await button('Add destination').first().click();
      await input('Kind').selectOption(kind);
      await input('Name').fill(`new ${kind}`);
      for (const [label, value] of Object.entries(fields)) await input(label).fill(value);
      await on.page.getByLabel('Alert failed').check();
      await input('Stores').fill('one\n two ');
      await on.page.getByText('Failure codes: all').click();
      await on.page.getByLabel('video_timeout').check();
      await on.page.getByLabel('One message for several alerts').check();
      await on.page.getByLabel('Collect alerts for').fill('5');
      await on.page.getByLabel('Wait for the picture').check();
      await detail().getByRole('button', { name: 'Add destination' }).click();
      await on.page.locator('.deliveries').waitFor();
      const id = new URL(on.page.url()).searchParams.get('destination') ?? '';
      const filter = { stores: ['one', 'two'], events: ['alert.failed'], failure_codes: ['video_timeout'] };
      const group = { by: 'store', wait_s: 5, interval_s: 300 };
      expect(await api('GET', `/destinations/${id}`)).toMatchObject({
        config,
        secrets,
        filter,
        group,
        wait_for_picture: true,
        name: `new ${kind}`,
      });

      await button('Edit').click();
      await on.page.getByText('Set. Leave empty to keep it.').waitFor();
      const secretField = Object.keys(fields).at(-1) ?? '';
      expect(await input(secretField).inputValue()).toBe('');
      await input('Name').fill(`old ${kind}`);
      await on.page.getByLabel('Alert failed').uncheck();
      await on.page.getByLabel('One message for several alerts').uncheck();
      await button('Save changes').click();
      await row(`old ${kind}`).waitFor();
      const changed = await api('GET', `/destinations/${id}`);
      expect(changed).toMatchObject({ config, secrets, name: `old ${kind}`, group: null, wait_for_picture: true });
      expect(changed.filter).toMatchObject({ stores: ['one', 'two'], events: [] });
    },
  );

  it('shows the receiver’s response to a test as text, and why a test was not delivered', async () => {
    await openWebhook();
    on.receiver.behave({ status: 200, body: '<img src=x onerror=alert(1)>' });
    await button('Send test').click();
    const result = on.page.locator('.test-result');
    await result.getByText('Test delivered: status 200').waitFor();
    await result.getByText('<img src=x onerror=alert(1)>').waitFor();
    expect(on.receiver.received[0]?.headers['webhook-id']).toBeDefined();
    on.receiver.behave({ status: 500, body: 'out of order' });
    await button('Send test').click();
    await result.getByText('Test not delivered: status 500').waitFor();
    await result.getByText('out of order').waitFor();
    await on.receiver.close();
    await button('Send test').click();
    await result.getByText(/ECONNREFUSED|refused/).waitFor();
    expect(await on.page.locator('#page img').count()).toBe(0);
  });

  it('rotates the signing secret after a confirmation', async () => {
    await openWebhook();
    await button('Rotate secret').click();
    await button('Cancel').click();
    await button('Rotate secret').click();
    await on.page.getByRole('dialog').getByRole('button', { name: 'Rotate secret' }).click();
    const secret = on.page.getByLabel('Signing secret');
    await expect.poll(() => secret.inputValue(), POLL_TIMEOUT).toMatch(/^whsec_/);
    await shows('The previous secret also signs until');
    await button('Done').click();
    await secret.waitFor({ state: 'detached' });
  });

  it('pauses, resumes and deletes, and shows how many pending deliveries a deletion loses', async () => {
    const id = await openWebhook();
    await button('Pause').click();
    await detail().locator('.health').getByText('Paused').waitFor();
    await on.stack.waitUntilNotified(await on.stack.post({ store: 'paused' }));
    await waitForStatus(id, 'pending', 1);
    await expect.poll(() => row('hooks').locator('.number').first().textContent(), POLL_TIMEOUT).toBe('1');
    await button('Delete').click();
    await on.page.getByRole('dialog').getByText('1 pending delivery is lost.').waitFor();
    await button('Cancel').click();
    await button('Resume').click();
    await waitForStatus(id, 'delivered', 1);
    expect(JSON.parse(on.receiver.received.at(-1)?.body ?? '{}')).toMatchObject({ type: 'alert.processed' });
    await row('hooks').getByText('OK', { exact: true }).waitFor();
    await button('Delete').click();
    await on.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await shows('No destinations yet.');
    expect(await on.stack.db.destination.count()).toBe(0);
  });
});
