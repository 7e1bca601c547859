import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFileServer } from '#local/file-server.ts';
import type { Prisma } from '#prisma/generated/client.ts';
import { startTestApi, type TestApi } from '../../test/test-api.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT, type WatchedPage } from './browser.ts';

// What an operator reads on the page: times, causes, charts, and text that does not fit. Rows are written directly.

const MINUTE_MS = 60_000;
const found = await findBrowser();

describe.skipIf('missing' in found)('an operator', TEST_TIMEOUT, () => {
  let api: TestApi;
  let browser: Browser;
  let videos: Awaited<ReturnType<typeof startFileServer>>;
  let page: WatchedPage;
  const videosUrl = () => videos.url.replace('127.0.0.1', 'localhost');

  beforeAll(async () => {
    videos = await startFileServer({ root: 'nginx/videos', host: '127.0.0.1', port: 0 });
    [api, browser] = await Promise.all([
      startTestApi({ videos: videosUrl() }),
      launch('path' in found ? found.path : ''),
    ]);
  }, TEST_TIMEOUT.timeout);
  beforeEach(() => api.db.alert.deleteMany());
  afterEach(async () => {
    await page.context().close();
    // The test of the charts reads pixels.
    expect(page.errors.filter((error) => !error.includes('Canvas2D'))).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
    await videos?.close();
  });

  async function open(path = '/', options: BrowserContextOptions = {}): Promise<WatchedPage> {
    page = await openPage(browser, [api.url, videosUrl()], options);
    await goTo(page, api.url + path);
    await page.getByText('Live', { exact: true }).waitFor();
    return page;
  }

  /** Inserts an alert that was processed in 100 ms, with other values if given. */
  async function insert(data: Partial<Prisma.AlertUncheckedCreateInput> = {}): Promise<string> {
    const uuid = randomUUID();
    const receivedAt = new Date(data.receivedAt ?? Date.now() - 1_000);
    const processedAt = new Date(receivedAt.getTime() + 100);
    const result = { resolution: '640x360', width: 640, height: 360, rotation: 0, codec: 'h264', container: 'mp4' };
    const times = { receivedAt, queuedAt: receivedAt, startedAt: receivedAt, processedAt, notifiedAt: processedAt };
    const row = { store: 'one', video: '/videos/test_2.mp4', timestamp: 1, requestId: 'test', attempts: 1, uuid };
    await api.db.alert.create({ data: { ...row, ...result, duration: 3, status: 'processed', ...times, ...data } });
    return uuid;
  }
  const failure = (failureCode: 'video_not_found' | 'video_unreadable', store = 'one') => ({
    ...{ status: 'failed' as const, failureCode, failureDetail: 'HTTP 404', store, resolution: null, codec: null },
    ...{ width: null, height: null, rotation: null, container: null, duration: null },
  });
  const row = (uuid: string) => page.locator(`[data-uuid="${uuid}"]`);

  describe('reads times', () => {
    it('with their zone, with the year if it is another one, and in UTC after a switch that the address keeps', async () => {
      const year = new Date().getFullYear() - 1;
      const uuid = await insert({ receivedAt: new Date(`${year}-11-25T20:30:40Z`) });
      await open('/?range=all');
      const received = row(uuid).locator('.received');
      await page.getByText('Received (GMT+9)').waitFor();
      await expect.poll(() => received.textContent(), POLL_TIMEOUT).toBe(`26 Nov ${year} 05:30:40`);
      await page.getByLabel('Time zone').selectOption('UTC');
      await page.getByText('Received (UTC)').waitFor();
      await expect.poll(() => received.textContent(), POLL_TIMEOUT).toBe(`25 Nov ${year} 20:30:40`);
      expect(page.url()).toBe(`${api.url}/?range=all&zone=utc`);
      await page.reload();
      await expect.poll(() => received.textContent(), POLL_TIMEOUT).toBe(`25 Nov ${year} 20:30:40`);
      await row(uuid).click();
      await page.locator('.timeline').getByText('Times in UTC.').waitFor();
    });

    it('in a custom range by the selected zone', async () => {
      await open('/?from=2026-01-01T10:00:00Z&zone=utc');
      await expect.poll(() => page.getByLabel('From (UTC)').inputValue(), POLL_TIMEOUT).toBe('2026-01-01T10:00');
      await page.getByLabel('From (UTC)').fill('2026-02-03T04:05');
      await expect.poll(() => page.url(), POLL_TIMEOUT).toContain('from=2026-02-03T04%3A05%3A00.000Z');
      await page.getByLabel('Time zone').selectOption('');
      await expect.poll(() => page.getByLabel('From (GMT+9)').inputValue(), POLL_TIMEOUT).toBe('2026-02-03T13:05');
    });
  });

  describe('learns why a video does not play', () => {
    it.each([
      ['an unknown codec', { codec: 'mpeg2video' }, 'This browser cannot decode the codec mpeg2video.'],
      ['another container', { video: '/videos/test_1.avi' }, 'Browsers cannot play .avi files.'],
      ['no such file', { video: '/videos/none.mp4' }, 'The video server has no file at this path (404).'],
      ['a damaged file', { video: '/videos/broken.mp4' }, 'The file is damaged: the browser cannot read it.'],
    ])('%s', async (_what, data, text) => {
      await open(`/?alert=${await insert(data)}`);
      await page.locator('.video-error').getByText(text).waitFor();
      page.ignoreErrors(/404/);
    });

    it('a video server that does not answer', async () => {
      const other = await startTestApi({ databaseUrl: api.databaseUrl, videos: 'http://localhost:9' });
      page = await openPage(browser, [other.url, 'http://localhost:9']);
      await goTo(page, `${other.url}/?alert=${await insert()}`);
      await page.locator('.video-error').getByText('The video server cannot be reached').waitFor();
      page.ignoreErrors(/./);
      await page.close();
      await other.close();
    });
  });

  it('learns why alerts wait and when the next attempt starts: in the list, the details and a banner', async () => {
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    const lastError = 'video_server_unreachable: the video server refused the connection';
    const waiting = { lastError, lastErrorAt: new Date(), nextAttemptAt, attempts: 3, startedAt: new Date() };
    const unfinished = {
      status: 'pending' as const,
      processedAt: null,
      notifiedAt: null,
      resolution: null,
      codec: null,
    };
    const uuid = await insert({ ...unfinished, ...waiting });
    await insert({ ...unfinished, ...waiting });
    await open();
    const banner = page.locator('.banner').first();
    await banner
      .getByText(/^2 alerts wait for another attempt, the first since .+: video_server_unreachable\./)
      .waitFor();
    await banner.getByText('Next attempt at').waitFor();
    await row(uuid).locator('.result').getByText('video_server_unreachable').waitFor();
    await row(uuid)
      .locator('.result')
      .getByText(/in (59 min|1 h)/)
      .waitFor();
    await row(uuid).click();
    const box = page.locator('.detail .waiting');
    await box.getByText('the video server refused the connection').waitFor();
    await box.getByText('Start the video server or correct VIDEO_SERVER.').waitFor();
    await box.getByText(/Late, next attempt at .+, in (59 min|1 h)\./).waitFor();
    // The time has passed: only the queue knows when its job is delivered again.
    await api.db.alert.update({ where: { uuid }, data: { nextAttemptAt: new Date(0) } });
    await open(`?alert=${uuid}`);
    await box.getByText('Late, waits for a free worker or for its video source.').waitFor();
    await api.db.alert.deleteMany();
    await page.locator('.banner').waitFor({ state: 'detached' });
    page.ignoreErrors(/404/);
  });

  describe('sees in the chart of the processing time', () => {
    /** Counts the runs of pixels of a line's color in the row of the canvas that has most of them. */
    const runsOf = (color: string) =>
      page.evaluate<number>(`(() => {
        const canvas = document.querySelectorAll('.chart canvas')[1];
        const hex = getComputedStyle(document.documentElement).getPropertyValue('${color}').trim();
        const rgb = [1, 3, 5].map((n) => Number.parseInt(hex.slice(n, n + 2), 16));
        const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const isLine = (x, y) => rgb.every((value, n) => Math.abs(data[4 * (y * width + x) + n] - value) < 12);
        let best = { pixels: 0, runs: 0 };
        for (let y = 0; y < height; y += 1) {
          const row = { pixels: 0, runs: 0 };
          for (let x = 1; x < width; x += 1) {
            if (!isLine(x, y)) continue;
            row.pixels += 1;
            if (!isLine(x - 1, y)) row.runs += 1;
          }
          if (row.pixels > best.pixels) best = row;
        }
        return best.runs;
      })()`);

    it('two lines that differ without color: dashed and solid', async () => {
      // Ten alerts in each minute: a minute with another number would have another percentile, and interrupt the line.
      const thisMinute = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
      for (let minute = 1; minute < 50; minute += 1) {
        const at = thisMinute - minute * MINUTE_MS;
        const alerts = Array.from({ length: 10 }, (_, n) => new Date(at + (n === 9 ? 5_000 : 100)));
        await Promise.all(alerts.map((processedAt) => insert({ receivedAt: new Date(at), processedAt })));
      }
      await open();
      await expect.poll(() => runsOf('--p50'), POLL_TIMEOUT).toBeGreaterThan(8);
      await expect.poll(() => runsOf('--p95'), POLL_TIMEOUT).toBe(1);
      const styles = await page.evaluate<string[]>(
        "[...document.querySelectorAll('.swatch')].map((one) => getComputedStyle(one).borderTopStyle)",
      );
      expect(new Set(styles)).toEqual(new Set(['dashed', 'solid']));
    });

    it('a single minute', async () => {
      await insert({ receivedAt: new Date(Date.now() - 30 * MINUTE_MS) });
      await open();
      await expect.poll(() => runsOf('--p50'), POLL_TIMEOUT).toBeGreaterThan(0);
    });
  });

  describe('can read', () => {
    it('the whole table and names of 128 characters at each width', async () => {
      const store = 'W'.repeat(128);
      const old = { receivedAt: new Date(Date.now() - 400 * 86_400_000), store };
      const uuid = await insert({ ...old, ...failure('video_not_found', store) });
      for (const path of ['/?range=all', `/?range=all&alert=${uuid}`, `/?range=all&store=${store}`]) {
        await open(path);
        await page.locator('.failures li').first().waitFor({ state: 'attached' });
        for (const width of [360, 721, 768, 1024, 1181, 1280, 1440]) {
          await page.setViewportSize({ width, height: 800 });
          await expect.poll(() => page.evaluate('innerWidth'), POLL_TIMEOUT).toBe(width);
          expect(await page.evaluate('document.documentElement.scrollWidth'), `${path} ${width}`).toBe(width);
          const cutOff = await page.evaluate<string[]>(`(() => {
            const limits = [['.row > *', '.table'], ['.failures *', '.failures'], ['.detail *', '.detail']];
            const right = (element) => element.getBoundingClientRect().right;
            return limits.flatMap(([inner, outer]) => [...document.querySelectorAll(inner)]
              .filter((element) => element.checkVisibility() && right(element) > right(element.closest(outer)) + 0.5)
              .map((element) => element.outerHTML.slice(0, 200)));
          })()`);
          expect(cutOff, `${path} ${width}`).toEqual([]);
          const received = await page
            .locator('.body .received')
            .first()
            .evaluate((element) => [element.scrollWidth, element.clientWidth]);
          if (!path.includes('alert='))
            expect(received[0], `received at ${width}`).toBeLessThanOrEqual(received[1] ?? 0);
        }
        if (!path.includes(`store=${store}`)) await page.context().close();
      }
    });

    it('the other stores of a failure, by a link', async () => {
      for (let n = 0; n < 12; n += 1) await insert(failure('video_not_found', `store-${n}`));
      await open();
      await page.getByRole('button', { name: '9 more stores' }).click();
      await page.getByRole('button', { name: '2 more stores' }).waitFor();
      expect(await page.locator('.failures p .link').count()).toBe(11);
      expect(new URL(page.url()).search).toBe('?status=failed&failure_code=video_not_found');
    });

    it('how much was downloaded, also if none of it was the video', async () => {
      await open(`/?alert=${await insert({ ...failure('video_not_found'), bytesFetched: 20n })}`);
      await page.locator('.detail').getByText('20 B from the video server').waitFor();
    });
  });
});
