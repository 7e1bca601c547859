import { randomUUID } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';

const found = await findBrowser();

describe.skipIf('missing' in found)('a search on the operator’s page', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let page: WatchedPage;
  const harbour = randomUUID();
  const station = randomUUID();

  beforeAll(async () => {
    [api, browser] = await Promise.all([startTestApi(), launch('path' in found ? found.path : '')]);
    const row = { timestamp: 1, requestId: 'test' };
    await api.db.alert.createMany({
      data: [
        { ...row, uuid: harbour, store: 'Harbour Store', video: '/videos/north/gate-7.mp4' },
        { ...row, uuid: station, store: 'Station', video: '/videos/camera_2.mp4' },
      ],
    });
  }, TEST_TIMEOUT.timeout);
  afterEach(async () => {
    await page.context().close();
    expect(page.errors).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(path = '/'): Promise<WatchedPage> {
    page = await openPage(browser, [api.url]);
    await goTo(page, api.url + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }
  const uuids = () =>
    page.evaluate<string[]>("[...document.querySelectorAll('.body .row')].map((row) => row.dataset.uuid)");
  const search = () => page.getByLabel('Search');

  it.each([
    ['part of a store’s name', 'harb', harbour],
    ['part of a file name', 'ERA_2', station],
    ['part of a path', 'north/', harbour],
    ['part of a uuid', station.slice(9, 23), station],
  ])('finds %s while the user types', async (_what, text, uuid) => {
    await open();
    await expect.poll(uuids, POLL_TIMEOUT).toHaveLength(2);
    await search().pressSequentially(text);
    await expect.poll(uuids, POLL_TIMEOUT).toEqual([uuid]);
    expect(new URL(page.url()).searchParams.get('q')).toBe(text);
    expect(await search().evaluate((input) => input === input.ownerDocument.activeElement)).toBe(true);
    await page.reload();
    await expect.poll(uuids, POLL_TIMEOUT).toEqual([uuid]);
    expect(await search().inputValue()).toBe(text);
  });

  it('sends one request for a word, and is one step in the history', async () => {
    await open();
    await expect.poll(uuids, POLL_TIMEOUT).toHaveLength(2);
    const sent: string[] = [];
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === '/alerts' && searchParams.has('q')) sent.push(searchParams.get('q') ?? '');
    });
    await search().pressSequentially('station', { delay: 20 });
    await expect.poll(uuids, POLL_TIMEOUT).toEqual([station]);
    expect(sent.length).toBeLessThan('station'.length);
    expect(sent.at(-1)).toBe('station');
    await search().fill('harbour');
    await expect.poll(uuids, POLL_TIMEOUT).toEqual([harbour]);
    await page.goBack();
    await expect.poll(uuids, POLL_TIMEOUT).toHaveLength(2);
    expect(await search().inputValue()).toBe('');
  });

  it('shows new alerts that match, and no others', async () => {
    await open('/?q=kiosk');
    await page.getByText('No alert matches.').waitFor();
    const [match, other] = [randomUUID(), randomUUID()];
    await api.post({ uuid: other, video: '/videos/a.mp4', timestamp: 1, store: 'other' });
    await api.post({ uuid: match, video: '/videos/a.mp4', timestamp: 1, store: 'Kiosk' });
    await expect.poll(uuids, POLL_TIMEOUT).toEqual([match]);
    await api.db.alert.deleteMany({ where: { uuid: { in: [match, other] } } });
  });

  it.each([
    ['/?store=Harbor+Store', 'Harbour Store', harbour],
    ['/?q=Sttaion', 'Station', station],
  ])('without a result, %s, suggests stores with a similar name', async (path, name, uuid) => {
    await open(path);
    await page.getByText('No alert matches.').waitFor();
    await page.locator('.empty').getByRole('button', { name }).click();
    await expect.poll(uuids, POLL_TIMEOUT).toEqual([uuid]);
    expect(new URL(page.url()).search).toBe(`?store=${name.replace(' ', '+')}`);
    expect(await page.getByText('all alerts were processed').count()).toBe(0);
  });
});
