import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPlayable } from '#media/playable.ts';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { findBrowser, launch, POLL_TIMEOUT, TEST_TIMEOUT } from '../../dashboard/test/browser.ts';
import { type PageStack, startPageStack } from '../../dashboard/test/stack.ts';

const run = promisify(execFile);
const found = await findBrowser();
const ffmpeg = await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);

const INPUT = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10:duration=2'];
const SOUND = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=2'];
const HEVC = ['-c:v', 'libx265', '-x265-params', 'log-level=none'];
/** Name, how it is made, codec, and whether Chromium plays it. The bundled videos are added. */
const MADE: [string, string[], string, boolean][] = [
  ['mpeg4.avi', [...INPUT, ...SOUND, '-c:v', 'mpeg4', '-c:a', 'mp3'], 'mpeg4', false],
  ['mjpeg.avi', [...INPUT, '-c:v', 'mjpeg'], 'mjpeg', false],
  ['hevc.mkv', [...INPUT, ...SOUND, ...HEVC, '-c:a', 'aac'], 'hevc', false],
  ['hevc.mp4', [...INPUT, ...HEVC, '-tag:v', 'hvc1'], 'hevc', false],
  ['mpeg4.mp4', [...INPUT, '-c:v', 'mpeg4'], 'mpeg4', false],
  ['h264.mp4', [...INPUT, ...SOUND, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-c:a', 'aac'], 'h264', true],
  ['h264.mov', [...INPUT, '-pix_fmt', 'yuv420p', '-c:v', 'libx264'], 'h264', true],
  ['vp9.mp4', [...INPUT, '-pix_fmt', 'yuv420p', '-c:v', 'libvpx-vp9', '-deadline', 'realtime'], 'vp9', true],
  ['vp8.webm', [...INPUT, '-c:v', 'libvpx', '-deadline', 'realtime'], 'vp8', true],
  ['vp9.webm', [...INPUT, '-pix_fmt', 'yuv420p', '-c:v', 'libvpx-vp9', '-deadline', 'realtime'], 'vp9', true],
  ['av1.mp4', [...INPUT, '-pix_fmt', 'yuv420p', '-c:v', 'libsvtav1', '-preset', '12'], 'av1', true],
];

let browser: Browser;
let stack: PageStack;
let media: string;
let page: Page;
let origin: string;
const files = createServer((req, res) => {
  const name = (req.url ?? '').slice(1);
  if (name === '') return void res.setHeader('content-type', 'text/html').end('<!doctype html><title>videos</title>');
  void readFile(join(stack.folder, name)).then(
    (bytes) => res.end(bytes),
    () => res.writeHead(404).end(),
  );
});

beforeAll(async () => {
  if ('missing' in found || 'missing' in ffmpeg) return;
  media = await mkdtemp(join(tmpdir(), 'media-'));
  stack = await startPageStack({ MEDIA_URL: pathToFileURL(media).href });
  for (const [name, args] of MADE) {
    await run(ffmpeg.path, ['-v', 'error', '-nostdin', ...args, '-y', join(stack.folder, name)]);
  }
  await once(files.listen(0, '127.0.0.1'), 'listening');
  origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`; // listening on TCP
  browser = await launch(found.path);
  page = await browser.newPage();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  files.close();
  await stack?.close();
  if (media) await rm(media, { recursive: true });
});

type Played = { plays: boolean; width: number; height: number; duration: number };

/** Returns whether Chromium has played to the end, and what it knows of the video. */
async function play(url: string): Promise<Played> {
  await page.goto(`${origin}/`);
  // HEVC without a decoder: the sound plays, or nothing is reported.
  return page.evaluate(`(async () => {
    const video = document.createElement('video');
    video.muted = true;
    const ended = new Promise((resolve) => {
      video.addEventListener('error', () => resolve(false));
      video.addEventListener('ended', () => resolve(true));
      setTimeout(() => resolve(false), 60_000);
    });
    video.src = ${JSON.stringify(url)};
    document.body.append(video);
    await video.play().catch(() => {});
    const plays = (await ended) && video.videoWidth > 0;
    return { plays, width: video.videoWidth, height: video.videoHeight, duration: video.duration };
  })()`);
}

/** What Chromium knows of the video that it has opened as a page. */
const FACTS = `(({ ended, videoWidth: width, videoHeight: height, duration }) => ({ ended, width, height, duration }))(
  document.querySelector('video') ?? {})`;

async function processed(video: string): Promise<string> {
  const uuid = await stack.post({ video: `/videos/${video}` });
  await expect
    .poll(async () => (await stack.db.alert.findUniqueOrThrow({ where: { uuid } })).status, POLL_TIMEOUT)
    .toBe('processed');
  return uuid;
}

const post = (uuid: string) => fetch(`${stack.apiUrl}/alerts/${uuid}/copy`, { method: 'POST' });

describe.skipIf('missing' in found || 'missing' in ffmpeg)('Chromium', TEST_TIMEOUT, () => {
  it.each(MADE)('plays %s as expected', async (name, _, codec, expected) => {
    const { plays } = await play(`${origin}/${name}`);
    const playable = isPlayable({ container: name.split('.').at(-1) ?? '', codec });
    expect(playable).toBe(expected);
    // Others may play, too: Chromium on some devices has a decoder for HEVC.
    if (playable) expect(plays).toBe(true);
  });

  it.each(['test_1.avi', 'mpeg4.avi', 'hevc.mkv', 'test_4.mkv'])('plays the copy of %s', async (name) => {
    const uuid = await processed(name);
    const original = await stack.db.alert.findUniqueOrThrow({ where: { uuid } });
    const requested = await post(uuid);
    expect([200, 202]).toContain(requested.status);
    const copyUrl = `${stack.apiUrl}/alerts/${uuid}/copy`;
    await expect.poll(async () => (await fetch(copyUrl)).status, POLL_TIMEOUT).toBe(200);
    await page.goto(copyUrl);
    const facts = () => page.evaluate<Played & { ended: boolean }>(FACTS);
    await expect
      .poll(facts, POLL_TIMEOUT)
      .toMatchObject({ ended: true, width: original.width, height: original.height });
    expect(Math.abs((await facts()).duration - (original.duration ?? 0))).toBeLessThan(0.35);
  });

  it.each(['test_2.mp4', 'test_3.mov', 'test_5.webm'])('plays %s, which needs no copy', async (name) => {
    expect(await play(`${origin}/${name}`)).toMatchObject({ plays: true });
    const response = await post(await processed(name));
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ type: '/problems/copy-not-needed', video: `/videos/${name}` });
  });

  it('was given every kind of file that the stack serves', async () => {
    const bundled = (await readdir('nginx/videos')).filter((name) => /^test_\d\.\w+$/.test(name));
    expect(bundled.toSorted()).toEqual(['test_1.avi', 'test_2.mp4', 'test_3.mov', 'test_4.mkv', 'test_5.webm']);
  });
});
