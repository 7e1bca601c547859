import { randomUUID } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commandLine } from '#prisma/audit.ts';
import { recordWorker } from '#prisma/worker-processes.ts';
import type { Client } from '../../auth/client.ts';
import { digest, parseKey } from '../../auth/key.ts';
import { createKey } from '../../auth/manage-keys.ts';
import { SCOPES } from '../../auth/scopes.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { expectAccessible } from './accessibility.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('settings on the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;
  let client: Client;

  beforeAll(async () => {
    const env = { DATABASE_URL: 'postgres://alerts_app:s3cret@postgres:5432/alerts', SECRETS_KEY: 's3cret' };
    [api, browser] = await Promise.all([
      startTestApi({ auth: { clientOf: async () => client }, env }),
      launch('path' in found ? found.path : ''),
    ]);
    const request = { name: 'operations', scopes: [...SCOPES], stores: [], expiresAt: null };
    const { key } = await createKey(api.db, request, commandLine());
    client = { id: key.id, name: 'operations', scopes: new Set(SCOPES), stores: undefined };
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });
  beforeEach(async ({ onTestFinished }) => {
    page = await openPage(browser, [api.url]);
    onTestFinished(async () => {
      await page.context().close();
      expect(page.errors).toEqual([]);
    });
  });

  const row = (name: string) => page.locator('tr[data-key]').filter({ hasText: name });
  const keysNamed = (name: string) => api.db.apiKey.findMany({ where: { name }, orderBy: { createdAt: 'asc' } });

  /** Returns the key that is shown now. Expects that it is the one with the digest. */
  async function shownKey(sha256: Uint8Array | undefined): Promise<string> {
    const shown = await page.locator('#new-secret').inputValue();
    expect(Buffer.from(sha256 ?? []).equals(digest(parseKey(shown)?.secret ?? ''))).toBe(true);
    return shown;
  }

  it('creates, rotates and revokes a key', async () => {
    await goTo(page, `${api.url}/`);
    await page.getByRole('link', { name: 'Settings' }).click();
    await row('operations').getByText('Your key').waitFor();
    expect(await row('operations').getByRole('button', { name: 'Revoke' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByLabel('Name').fill('harbour cameras');
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByText('scopes must not be empty.').waitFor();
    page.ignoreErrors(/422/);
    await page.getByLabel('write').check();
    await page.getByLabel('Stores').fill('harbour\n\nstation\n');
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByLabel('Key for harbour cameras').waitFor();
    const [created] = await keysNamed('harbour cameras');
    expect(created).toMatchObject({ scopes: ['write'], stores: ['harbour', 'station'], expiresAt: expect.any(Date) });
    const first = await shownKey(created?.sha256);
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText(/^(Copied|Selected)\./).waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Done' }).click();
    await page.locator('#new-secret').waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain(first);

    await row('harbour cameras').getByRole('button', { name: 'Rotate' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/stays valid/).selectOption('7 days');
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Rotate key' }).click();
    await page.getByText(`The key ${created?.id} is valid until`).waitFor();
    const [old, next] = await keysNamed('harbour cameras');
    await shownKey(next?.sha256);
    expect(old?.replacedBy).toBe(next?.id);
    expect(old?.expiresAt?.getTime()).toBeGreaterThan(Date.now() + 6.9 * 86_400_000);
    await page.getByText(`Replaced by ${next?.id}`).waitFor();

    await page.getByRole('button', { name: `Revoke the key harbour cameras, ${old?.id}` }).click();
    await dialog.getByText('It was never used.').waitFor();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Revoke key' }).click();
    await expect.poll(() => row('harbour cameras').count(), POLL_TIMEOUT).toBe(1);
    expect((await keysNamed('harbour cameras')).map(({ revokedAt }) => revokedAt !== null)).toEqual([true, false]);
    await page.getByLabel('Show revoked and expired keys').check();
    await row(`${old?.id}`).getByText('Revoked').waitFor();
  });

  it('shows health, versions, and the configuration with a filter and without secrets', async () => {
    await goTo(page, `${api.url}/?view=settings`);
    await page.getByText('no backup has succeeded yet').waitFor();
    await page.getByText(process.versions.node).waitFor();
    await page.getByText(/migrations applied, none pending$/).waitFor();
    const variables = page.locator('tr[data-variable]');
    expect(await variables.count()).toBeGreaterThan(30);
    await page.getByText('postgres://alerts_app:***@postgres:5432/alerts').waitFor();
    expect(await page.content()).not.toContain('s3cret');
    await page.getByLabel('Filter').fill('secrets_key');
    await expect.poll(() => variables.count(), POLL_TIMEOUT).toBe(1);
    expect(page.url()).toContain('q=secrets_key');
    await variables.getByText('Secret hidden').waitFor();
    await page.getByLabel('Filter').fill('nothing like this');
    await page.getByText('No variable matches the filter.').waitFor();
  });

  it('shows the workers with their variables, and warns of one that is not seen any more', async () => {
    const variable = {
      name: 'WORKER_CONCURRENCY',
      value: '7',
      origin: 'environment',
      file: null,
      hidden: false,
    } as const;
    const worker = { host: 'worker <b>', pid: 7, version: '1.2.3', node: '24.0.0', startedAt: new Date() };
    await recordWorker(api.db, { ...worker, id: randomUUID(), configuration: [variable] });
    await goTo(page, `${api.url}/?view=settings`);
    const item = page.locator('.workers li');
    await item.getByText('worker <b>, process 7').waitFor();
    await item.getByText('OK').waitFor();
    await page.getByLabel('Process').selectOption('worker worker <b>, process 7');
    await page.getByRole('heading', { name: 'Configuration of the worker' }).waitFor();
    expect(await page.locator('tr[data-variable]').allTextContents()).toEqual([
      expect.stringMatching(/CONCURRENCY.*7/s),
    ]);
    await api.db.$executeRaw`UPDATE worker_processes SET seen_at = now() - interval '2 minutes'`;
    await page.reload();
    await item.getByText('Not seen').waitFor();
  });

  it('is accessible and as wide as the screen', async () => {
    await goTo(page, `${api.url}/?view=settings`);
    await page.locator('tr[data-variable]').first().waitFor();
    for (const width of [1440, 768, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await expect.poll(() => page.evaluate('innerWidth'), POLL_TIMEOUT).toBe(width);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await expectAccessible(page);
    }
  });

  it('shows a key that is limited to stores only keys of these, and other keys nothing', async () => {
    const full = client;
    const request = { name: 'of a kiosk', scopes: ['write'], stores: ['kiosk'], expiresAt: null };
    await createKey(api.db, request, commandLine());
    client = { id: 'x', name: 'kiosk', scopes: new Set(['read', 'write', 'manage']), stores: ['kiosk'] };
    await goTo(page, `${api.url}/?view=settings`);
    await row('of a kiosk').waitFor();
    expect([await row('').count(), await page.getByText('Configuration of the api').count()]).toEqual([1, 0]);
    client = { ...client, scopes: new Set(['read', 'operate']), stores: undefined };
    await goTo(page, `${api.url}/?view=settings`);
    await page.getByText('Your key needs the scope manage.').waitFor();
    expect(await page.getByRole('link', { name: 'Settings', exact: true }).count()).toBe(0);
    client = full;
  });
});
