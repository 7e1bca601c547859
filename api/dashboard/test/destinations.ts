import { randomBytes } from 'node:crypto';
import type { Browser, BrowserContextOptions, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { DeliveryStatus } from '#prisma/generated/enums.ts';
import { type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';
import { type PageStack, startPageStack } from './stack.ts';

const ENV = { SECRETS_KEY: randomBytes(32).toString('base64'), DESTINATION_ALLOW_CIDRS: '127.0.0.0/8' };

type DestinationJson = { id: string; config: Record<string, unknown>; secrets: string[]; [field: string]: unknown };

/**
 * Starts API, worker and browser for the tests of a `describe`, and a receiver of webhooks for each test. Destinations and
 * mutes are deleted after each test.
 */
export function useDestinations(browserPath: string) {
  let stack: PageStack;
  let browser: Browser;
  let receiver: Receiver;
  let page: WatchedPage;

  beforeAll(async () => {
    [stack, browser] = await Promise.all([startPageStack(ENV), launch(browserPath)]);
  }, TEST_TIMEOUT.timeout);
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(async () => {
    await page.context().close();
    await receiver.close();
    await stack.db.mute.deleteMany();
    await stack.db.destination.deleteMany();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.close();
  });

  /** Sends a request to the API and returns the body of its response. */
  async function api(method: string, path: string, body?: unknown): Promise<DestinationJson> {
    const headers = { 'content-type': 'application/json' };
    const response = await stack.request(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    expect(response.status, `${method} ${path}`).toBeLessThan(300);
    return (await response.json()) as DestinationJson; // the form of openapi.json
  }
  /** Opens a path of the page. */
  async function open(path = '/?view=destinations', options: BrowserContextOptions = {}): Promise<WatchedPage> {
    page = await openPage(browser, [stack.apiUrl, stack.videosPublicUrl], options);
    await goTo(page, stack.apiUrl + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }
  /** Creates a webhook for the receiver. */
  const addWebhook = (name: string) =>
    api('POST', '/destinations', { name, kind: 'webhook', config: { url: receiver.url } });

  return {
    get stack() {
      return stack;
    },
    get receiver() {
      return receiver;
    },
    get page() {
      return page;
    },
    ...{ api, open, addWebhook },
    /** Creates a webhook `hooks`, opens it and returns its id. */
    async openWebhook(): Promise<string> {
      const { id } = await addWebhook('hooks');
      await open(`/?view=destinations&destination=${id}`);
      await page.locator('.deliveries').waitFor();
      return id;
    },
    button: (name: string | RegExp): Locator => page.getByRole('button', { name, exact: true }),
    /** Returns the input with this label. */
    input: (label: string): Locator =>
      page
        .locator('.field')
        .filter({ has: page.locator('label').filter({ hasText: new RegExp(`^\\s*${label}( optional)?\\s*$`) }) })
        .locator('input, select, textarea'),
    detail: (): Locator => page.locator('.detail'),
    row: (name: string): Locator => page.locator('.destination-table tr').filter({ hasText: name }),
    shows: (text: string | RegExp) => page.locator('main').getByText(text).first().waitFor(),
    ignoreErrors: (pattern: RegExp): void => page.ignoreErrors(pattern),
    waitForStatus: (destinationId: string, status: DeliveryStatus, count: number) =>
      expect.poll(() => stack.db.delivery.count({ where: { destinationId, status } }), POLL_TIMEOUT).toBe(count),
  };
}
