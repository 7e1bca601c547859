import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Converter } from '../ffmpeg.ts';
import { converter, makeVideo, openCopyFixture, repeated, SOON, testPicture } from './copy-fixture.ts';

const OPTIONS = { timeout: 300_000 };
const LIMITS = { maxBytes: 64 * 1024 * 1024, maxSeconds: 600, timeoutMs: 120_000 };

let small: Buffer;
let long: Buffer;
let noise: Buffer;
beforeAll(async () => {
  if ('missing' in converter) return;
  small = await makeVideo('a.avi', [...testPicture(), '-c:v', 'mpeg4', '-an']);
  // Minutes of work for one thread.
  long = await repeated(
    'a.mkv',
    await makeVideo('a.mkv', [...testPicture('1280x720', 2, 25), '-c:v', 'mpeg4', '-an']),
    100,
  );
  const picture = ['-f', 'lavfi', '-i', 'nullsrc=size=320x180:rate=10:duration=2', '-vf', 'geq=random(1)*255:128:128'];
  noise = await makeVideo('a.avi', [...picture, '-c:v', 'mpeg4', '-q:v', '2']);
}, 120_000);

/** The converter with another limit for its file. */
function withFile(fileKiB: number): Converter {
  if ('missing' in converter) throw new Error(converter.missing);
  const { sandbox } = converter;
  return { ...converter, sandbox: { ...sandbox, limits: { ...sandbox.limits, fileKiB } } };
}

describe.skipIf('missing' in converter)('a video of which there can be no copy', OPTIONS, () => {
  const html = Buffer.from('<html><body>not found</body></html>');
  const playlist = Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n');
  const concat = Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n');

  it.each<[string, string, () => Buffer]>([
    ['is empty', 'a.avi', () => Buffer.alloc(0)],
    ['is a page', 'a.avi', () => html],
    ['is a playlist', 'a.mkv', () => playlist],
    ['is a list of files', 'a.avi', () => concat],
    ['is random', 'a.avi', () => randomBytes(200_000)],
    ['has a header only', 'a.avi', () => small.subarray(0, 4_000)],
    ['has a damaged header', 'a.avi', () => Buffer.concat([small.subarray(0, 12), randomBytes(small.length - 12)])],
  ])('%s: ends with a reason, and the next video has its copy', async (_, file, bytes) => {
    await withFixture({ [file]: bytes(), 'good.avi': small }, async (fixture) => {
      fixture.start();
      const id = await fixture.request(`/right/${file}`, { codec: 'mpeg4' });
      const good = await fixture.request('/right/good.avi', { codec: 'mpeg4' });
      await expect
        .poll(() => fixture.copyOf(id), SOON)
        .toMatchObject({ status: 'none', reason: 'decoder_failed', attempts: 1 });
      await expect.poll(() => fixture.copyOf(good), SOON).toMatchObject({ status: 'ready' });
    });
  });

  it('ends early if it is too long, too large or too slow', async (t) => {
    const fixture = await openCopyFixture(t, { 'long.mkv': long, 'noise.avi': noise, 'a.avi': small });
    const ended = async (id: bigint, reason: string, detail: string | RegExp = /./) => {
      await expect.poll(() => fixture.copyOf(id), SOON).toMatchObject({ status: 'none', reason, sha256: null });
      expect((await fixture.copyOf(id)).detail).toMatch(detail);
    };
    let copier = fixture.start({ limits: { ...LIMITS, maxSeconds: 3 } });
    await ended(await fixture.request('/right/long.mkv', { codec: 'mpeg4', duration: 200 }), 'too_long', /200 s/);
    // The header may be wrong.
    await ended(await fixture.request('/right/long.mkv', { codec: 'mpeg4', duration: 2 }), 'too_long');
    await copier.close();
    copier = fixture.start({ limits: { ...LIMITS, maxBytes: noise.length - 1 } });
    await ended(await fixture.request('/right/noise.avi', { codec: 'mpeg4' }), 'too_large', `${noise.length}`);
    await copier.close();
    copier = fixture.start({ converter: withFile(16) });
    await ended(await fixture.request('/right/noise.avi', { codec: 'mpeg4' }), 'too_large', /16384/);
    await copier.close();
    copier = fixture.start({ limits: { ...LIMITS, timeoutMs: 1_500 } });
    await ended(await fixture.request('/right/long.mkv', { codec: 'mpeg4', duration: 200 }), 'too_slow');
    await ended(await fixture.request('/silent/a.avi', { codec: 'mpeg4' }), 'too_slow');
  });

  it('has its failure recorded, and is retried if the video server failed', async (t) => {
    const fixture = await openCopyFixture(t, { 'a.avi': small });
    fixture.start();
    const missing = await fixture.request('/missing/a.avi');
    await expect
      .poll(() => fixture.copyOf(missing), SOON)
      .toMatchObject({
        status: 'none',
        reason: 'video_unavailable',
        detail: expect.stringContaining('video_not_found'),
      });
    const broken = await fixture.request('/broken/a.avi');
    await expect.poll(() => fixture.copyOf(broken), SOON).toMatchObject({ status: 'pending', attempts: 1 });
    const due = async () => ((await fixture.copyOf(broken)).nextAttemptAt.getTime() - Date.now()) / 1_000;
    await expect.poll(due, SOON).toBeGreaterThan(5);
    // The last one of five.
    await fixture.db.copy.update({ where: { alertId: broken }, data: { attempts: 4, nextAttemptAt: new Date() } });
    await expect
      .poll(() => fixture.copyOf(broken), SOON)
      .toMatchObject({ status: 'none', reason: 'video_unavailable', attempts: 5 });
  });
});

async function withFixture(
  files: Record<string, Uint8Array>,
  work: (fixture: Awaited<ReturnType<typeof openCopyFixture>>) => Promise<void>,
): Promise<void> {
  const closers: (() => unknown)[] = [];
  try {
    await work(await openCopyFixture({ onTestFinished: (close) => void closers.push(close as () => unknown) }, files));
  } finally {
    for (const close of closers) await close();
  }
}

// A disk of 4 MiB. Only root can mount it, and not in every container.
const disk = mkdtempSync(join(tmpdir(), 'small-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmdirSync(disk);
});

describe.skipIf(!mounted || 'missing' in converter)('a full disk', OPTIONS, () => {
  it('delays a copy, which is made once there is space', async (t) => {
    const fixture = await openCopyFixture(t, { 'a.avi': small });
    const ballast = join(disk, 'ballast');
    try {
      writeFileSync(ballast, Buffer.alloc(4 * 1024 * 1024));
    } catch {
      // Expected: it fills the disk.
    }
    fixture.start({ temporaryFolder: disk });
    const id = await fixture.request('/right/a.avi', { codec: 'mpeg4' });
    const retried = () => fixture.logged.find(({ msg }) => msg === 'attempt to make a copy failed');
    await expect.poll(retried, SOON).toMatchObject({ reason: 'no_storage', attempt: 1 });
    await expect.poll(() => readdirSync(disk), SOON).toEqual(['ballast']);
    rmSync(ballast);
    await fixture.db.copy.update({ where: { alertId: id }, data: { nextAttemptAt: new Date() } });
    await expect.poll(() => fixture.copyOf(id), SOON).toMatchObject({ status: 'ready', attempts: 2 });
    await expect.poll(() => readdirSync(disk), SOON).toEqual([]);
  });
});
