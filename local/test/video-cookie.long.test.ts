import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, launch, openPage, POLL_TIMEOUT, TEST_TIMEOUT } from '#api/dashboard/test/browser.ts';
import { createFileServer } from '../file-server.ts';
import { useLocalStart } from './start-fixture.ts';

// Browsers send a cookie to every port of its host. The video server of `npm start` is another program on this machine:
// it must not get a cookie with which it could read alerts.

const found = await findBrowser();

describe.skipIf('missing' in found)('the video server of npm start', TEST_TIMEOUT, () => {
  const fixture = useLocalStart();
  const received: { url: string; headers: IncomingHttpHeaders }[] = [];
  let videoServer: Server;
  let browser: Browser;

  beforeAll(async () => {
    videoServer = createFileServer({ root: `${process.cwd()}/nginx/videos` });
    videoServer.prependListener('request', ({ url = '', headers }) => received.push({ url, headers }));
    await once(videoServer.listen(0, '127.0.0.1'), 'listening');
    browser = await launch('path' in found ? found.path : '');
  }, TEST_TIMEOUT.timeout);
  afterAll(async () => {
    await browser?.close();
    videoServer.closeAllConnections();
    videoServer.close();
  });

  it('gets no cookie and no address of the page when a logged-in browser plays and opens a video', async () => {
    const { port } = videoServer.address() as AddressInfo; // listening on TCP
    const local = await fixture.startReady({ AUTH: 'keys', VIDEO_SERVER: `http://127.0.0.1:${port}` });
    const key = /First key.+: (va_\S+)/.exec(local.lines.join('\n'))?.[1] ?? '';
    const uuid = randomUUID();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ uuid, video: '/videos/test_5.webm', timestamp: 1, store: 'one' });
    expect((await fetch(`${local.api}/alerts`, { method: 'POST', headers, body })).status).toBe(202);
    await expect
      .poll(async () => (await fetch(`${local.api}/alerts/${uuid}`, { headers })).json(), POLL_TIMEOUT)
      .toMatchObject({ status: 'processed' });

    const page = await openPage(browser, [local.api, `http://localhost:${port}`]);
    received.splice(0);
    await page.goto(`${local.api}/?alert=${uuid}`);
    await page.getByLabel('Key').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
    const width = () => page.locator('video').evaluate((video) => Reflect.get(video, 'videoWidth'));
    await expect.poll(width, POLL_TIMEOUT).toBe(640);
    const download = page.waitForRequest((request) => request.resourceType() === 'document');
    await page.getByText('Video file').click();
    await download;
    const isNavigation = ({ headers }: (typeof received)[0]) => headers['sec-fetch-mode'] === 'navigate';
    await expect.poll(() => received.filter(isNavigation).length, POLL_TIMEOUT).toBeGreaterThan(0);

    for (const { url, headers } of received) {
      expect([url, headers.cookie]).toEqual([url, undefined]);
      expect(headers.referer ?? '').not.toContain(local.api);
    }
    // Even another program on the api's own host, which does get the cookie, cannot use it as a key.
    const [cookie] = await page.context().cookies(local.api);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    const stolen = { authorization: `Bearer ${cookie?.value}` };
    expect((await fetch(`${local.api}/alerts`, { headers: stolen })).status).toBe(401);
    await page.context().close();
  });
});
