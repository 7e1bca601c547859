import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT } from '#api/dashboard/test/browser.ts';
import { mediaSettings } from '#test/harness/media.ts';
import { mountSmallDisk } from '#test/harness/small-disk.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { findProgram } from '#test/harness/system-packages.ts';

const POLL = { timeout: 300_000, interval: 200 };
const FULL = 'the disk of the folder of MEDIA_URL is full: free space';

const disk = mountSmallDisk(16);
const ffmpeg = await findProgram(['ffmpeg'], process.env.PATH ?? '');
const found = await findBrowser();
afterAll(() => disk?.unmount());

describe.skipIf(!disk || ffmpeg === undefined)('a full disk of the media folder', { timeout: 900_000 }, () => {
  it('lets pictures wait until there is space; alerts are not affected', async () => {
    const folder = join(disk?.folder ?? '', 'media');
    const stack = await startStack({
      env: { ...(await mediaSettings(folder)), MEDIA_URL: pathToFileURL(folder).href },
    });
    onTestFinished(stack.close);
    await expect.poll(() => readyz(stack), POLL).toEqual([ready('ok'), ready('ok')]);
    disk?.fill();
    const uuid = await stack.post();
    expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed', resolution: expect.any(String) });
    expect(await pictureOf(stack, uuid)).toMatchObject({ status: 'pending' });
    expect(await readyz(stack)).toEqual([degraded(), degraded()]);
    for (const origin of [stack.apiUrl, stack.opsUrl]) {
      expect(await metricsOf(origin)).toMatch(/^disk_full\{disk="media"\} 1$/m);
      expect(await metricsOf(origin)).toMatch(/^disk_free_bytes\{disk="media"\} 0$/m);
    }
    await expect.poll(() => pictureOf(stack, uuid), POLL).toMatchObject({ status: 'pending', reason: 'no_storage' });
    if ('path' in found) await expectBanner(stack, found.path);

    disk?.release();
    await expect.poll(() => pictureOf(stack, uuid), POLL).toMatchObject({ status: 'ready' });
    expect(await readyz(stack)).toEqual([ready('ok'), ready('ok')]);
    expect(await metricsOf(stack.apiUrl)).toMatch(/^disk_full\{disk="media"\} 0$/m);
  });
});

/** The form of the responses of api and worker. */
type Readiness = { status: string; checks: Record<string, string> };

const ready = (media_disk: string) => ({ http: 200, status: 'ready', media_disk });
const degraded = () => ({ http: 200, status: 'degraded', media_disk: FULL });

/** Returns what the api and the worker report. */
function readyz({ apiUrl, opsUrl }: Stack) {
  return Promise.all(
    [apiUrl, opsUrl].map(async (origin) => {
      const response = await fetch(`${origin}/readyz`);
      const { status, checks } = (await response.json()) as Readiness;
      return { http: response.status, status, media_disk: checks.media_disk };
    }),
  );
}

async function pictureOf(stack: Stack, uuid: string): Promise<unknown> {
  const response = await stack.request(`/alerts/${uuid}`);
  return ((await response.json()) as { picture: unknown }).picture; // the form of openapi.json
}

async function metricsOf(origin: string): Promise<string> {
  return (await fetch(`${origin}/metrics`)).text();
}

async function expectBanner({ apiUrl }: Stack, path: string): Promise<void> {
  const browser: Browser = await launch(path);
  onTestFinished(() => browser.close());
  const page = await openPage(browser, [apiUrl]);
  await goTo(page, apiUrl);
  const banner = page.getByText('The disk of the folder of MEDIA_URL is full: free space.');
  await banner.waitFor(POLL_TIMEOUT);
  disk?.release();
  await banner.waitFor({ state: 'detached', ...POLL_TIMEOUT });
  expect(page.errors).toEqual([]);
}
