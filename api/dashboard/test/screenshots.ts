import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { recordRun } from '#backup/runs.ts';
import { commandLine } from '#prisma/audit.ts';
import { setRetentionRule } from '#prisma/retention-rules.ts';
import { addComment, triageAlerts } from '#prisma/triage.ts';
import { createKey, rotateKey } from '../../auth/manage-keys.ts';
import { findBrowser, goTo, launch, openPage, POLL_TIMEOUT } from './browser.ts';
import { seed } from './seed.ts';
import { seedDestinations } from './seed-destinations.ts';
import { seedPictures } from './seed-pictures.ts';
import { type PageStack, startPageStack } from './stack.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const MAX_BYTES = 150_000;
const DESKTOP = { viewport: { width: 1440, height: 900 } };
const SMALL = { viewport: { width: 1000, height: 650 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };

/** Whether the first chart has drawn a bar: the page draws after it has rendered. */
const HAS_BARS = `(() => {
  const canvas = document.querySelector('.chart canvas');
  const color = getComputedStyle(document.documentElement).getPropertyValue('--chart-bar');
  const bar = color.match(/[0-9a-f]{2}/g).map((hex) => Number.parseInt(hex, 16));
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) if (bar.every((value, n) => data[i + n] === value)) return true;
  return false;
})()`;

async function waitForAlerts(page: Page, path: string): Promise<void> {
  const list = !path.includes('alert=');
  await page.locator(list ? '.tile.processed b' : '.timeline').waitFor();
  await expect.poll(() => page.evaluate(HAS_BARS), POLL_TIMEOUT).toBe(true);
  if (list) return;
  if (!path.includes('status=failed')) {
    await page.locator('.large-picture').waitFor();
    return page.getByText('Share a link').click();
  }
  const readyState = () => page.locator('video').evaluate((video) => Reflect.get(video, 'readyState'));
  await expect.poll(readyState, POLL_TIMEOUT).toBeGreaterThanOrEqual(2);
}

/** Waits for those that are visible. */
async function waitForPictures(page: Page): Promise<void> {
  const missing = `[...document.images].filter(({ complete, naturalWidth }) => !complete || naturalWidth === 0).filter((image) =>
    image.getBoundingClientRect().top < innerHeight).length`;
  await expect.poll(() => page.evaluate(missing), POLL_TIMEOUT).toBe(0);
}

async function waitForView(page: Page, path: string): Promise<void> {
  const elements = { stores: '.store-table tbody tr', settings: 'tr[data-variable]' };
  const view = new URL(path, 'http://page').searchParams.get('view') ?? '';
  await page
    .locator(Object.entries(elements).find(([name]) => name === view)?.[1] ?? '.banner')
    .first()
    .waitFor();
  if (path.endsWith('=retention')) await page.locator('.backups .overdue').waitFor();
  else if (path.endsWith('=new')) await page.getByLabel('Kind').selectOption('E-mail');
  else if (path.includes('destination=')) await page.locator('.delivery').first().waitFor();
}

/** Opens the dialog that acknowledges two selected alerts. */
async function acknowledgeTwo(page: Page): Promise<void> {
  for (const n of [0, 1]) await page.locator('.body .row').nth(n).getByRole('checkbox').click();
  await page.getByRole('button', { name: 'Acknowledge 2' }).click();
  await page.getByRole('dialog').waitFor();
}

/** Adds alerts of the hour before to each store, so that the overview has a trend. */
async function seedHourBefore({ db }: PageStack): Promise<void> {
  const stores = await db.alert.findMany({ distinct: ['store'], select: { store: true } });
  const hour = { ms: 3_600_000, end: Date.now() - 3_600_000 };
  for (const [n, { store }] of stores.entries()) await seed(db, { ...hour, count: 40 + 30 * (n % 4), store });
}

/** Two people work on an alert. */
async function seedTriage({ db }: PageStack, uuid: string): Promise<void> {
  const [anna, ben] = ['anna', 'ben'].map((name) => ({ actor: { id: name, name }, stores: undefined }));
  if (!anna || !ben) return;
  await triageAlerts(db, [uuid], { acknowledged: true }, anna);
  await triageAlerts(db, [uuid], { assignee: 'ben' }, anna);
  await addComment(db, uuid, 'The camera has renamed its files since the update.', anna);
  await addComment(db, uuid, 'The supplier corrects the path today.\nRetry in the afternoon.', ben);
}

/** Sets two rules, and records a backup and a restore drill that is overdue. */
async function seedRetention({ db, databaseUrl }: PageStack): Promise<void> {
  const rules = [
    { store: null, status: null, days: 30 },
    { store: 'harbour-store', status: 'failed', days: 90 },
  ] as const;
  for (const rule of rules) await setRetentionRule(db, { ...rule, updatedBy: 'operations' });
  await recordRun(databaseUrl, { kind: 'backup', name: 'alerts-2026-11-27T02-30-00-114Z', seconds: 41.7 });
  await recordRun(databaseUrl, { kind: 'restore_drill', name: 'alerts-2026-11-18T02-30-00-087Z', seconds: 68.3 });
  await db.$executeRaw`
    UPDATE backup_runs
    SET succeeded_at = now() - CASE kind WHEN 'backup' THEN interval '6 hours' ELSE interval '8 days 2 hours' END`;
}

/** Creates three keys, of which one was rotated. */
async function seedKeys({ db }: PageStack): Promise<void> {
  const days = (count: number) => new Date(Date.now() + count * 86_400_000);
  const cameras = { name: 'harbour cameras', scopes: ['write'], stores: ['harbour-store'], expiresAt: days(365) };
  const office = { name: 'back office', scopes: ['read', 'operate'], stores: [], expiresAt: days(90) };
  await createKey(db, office, commandLine());
  const { row } = await createKey(db, cameras, commandLine());
  await rotateKey(db, row, { overlapMs: 7 * 86_400_000 }, commandLine());
}

it('takes the screenshots', async () => {
  const found = await findBrowser();
  if ('missing' in found) throw new Error(found.missing);
  const [stack, browser] = await Promise.all([
    startPageStack({ SECRETS_KEY: randomBytes(32).toString('base64') }),
    launch(found.path),
  ]);
  await seed(stack.db, { count: 900, ms: 3_600_000, end: Date.now() });
  await seedPictures(stack);
  const failed = await stack.db.alert.findFirstOrThrow({
    where: { failureCode: 'video_not_found', video: '/videos/test_2.mp4' },
    orderBy: { receivedAt: 'desc' },
  });
  await mkdir(FOLDER, { recursive: true });

  async function take(
    name: string,
    path: string,
    options: BrowserContextOptions,
    prepare: (page: Page) => Promise<void> = async () => {},
  ): Promise<void> {
    const origins = [stack.apiUrl, stack.videosPublicUrl];
    const page = await openPage(browser, origins, { ...options, timezoneId: 'Europe/Berlin' });
    // On a busy machine, a connection to the database can take too long; the page requests it again.
    page.ignoreErrors(/503/);
    await goTo(page, stack.apiUrl + path);
    await page.getByText('Live', { exact: true }).waitFor();
    if (path.includes('view=')) await waitForView(page, path);
    else await waitForAlerts(page, path);
    await waitForPictures(page);
    await prepare(page);
    // Playwright only creates PNG and JPEG, which are four times as large as WebP.
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
    const image = Buffer.from(data, 'base64');
    expect(image.length).toBeLessThan(MAX_BYTES);
    await writeFile(join(FOLDER, `${name}.webp`), image);
    expect(page.errors).toEqual([]);
    await page.context().close();
  }

  await take('page-light', '/', { ...DESKTOP, colorScheme: 'light' });
  await take('page-dark', '/', { ...DESKTOP, colorScheme: 'dark' });
  const tall = { viewport: { width: 1440, height: 1120 } };
  await take('page-failure', `/?status=failed&alert=${failed.uuid}`, { ...tall, colorScheme: 'light' });
  const avi = await stack.post({ store: 'riverside', video: '/videos/riverside.avi' });
  await stack.waitUntilNotified(avi);
  await take('page-picture', `/?alert=${avi}`, { ...tall, colorScheme: 'light' });
  await take('page-phone', '/', { ...PHONE, colorScheme: 'light' });
  await take('triage-dialog', '/?status=failed', { ...DESKTOP, colorScheme: 'light' }, acknowledgeTwo);
  await seedTriage(stack, failed.uuid);
  const taller = { viewport: { width: 1440, height: 1320 } };
  await take('triage', `/?status=failed&alert=${failed.uuid}`, { ...taller, colorScheme: 'dark' });
  await seedHourBefore(stack);
  const stores = '/?view=stores&period=1h';
  await take('stores-light', stores, { ...SMALL, colorScheme: 'light' });
  await take('stores-dark', stores, { ...SMALL, colorScheme: 'dark' });
  await take('stores-phone', stores, { ...PHONE, colorScheme: 'light' });
  const destinations = '/?view=destinations';
  const destination = `${destinations}&destination=${await seedDestinations(stack.db)}`;
  await take('destinations-light', destination, { ...DESKTOP, colorScheme: 'light' });
  await take('destinations-dark', destination, { ...DESKTOP, colorScheme: 'dark' });
  await take('destination-form', `${destinations}&destination=new`, { ...DESKTOP, colorScheme: 'light' });
  await take('destinations-phone', destinations, { ...PHONE, colorScheme: 'dark' });
  await seedRetention(stack);
  await take('retention', '/?view=retention', { ...SMALL, colorScheme: 'light' });
  await seedKeys(stack);
  await take('settings', '/?view=settings', { ...SMALL, colorScheme: 'light' });
  await browser.close();
  await stack.close();
});
