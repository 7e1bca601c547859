import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { requestArchiveCopies } from '#prisma/archive-copies.ts';
import { requestCopy } from '#prisma/copies.ts';
import { converter, describeVideo, makeVideo, openCopyFixture, repeated, SOON, testPicture } from './copy-fixture.ts';

const OPTIONS = { timeout: 300_000 };

let small: Buffer;
let long: Buffer;
beforeAll(async () => {
  if ('missing' in converter) return;
  small = await makeVideo('a.avi', [...testPicture(), '-c:v', 'mpeg4', '-an']);
  // Minutes of work for one thread.
  long = await repeated(
    'a.mkv',
    await makeVideo('a.mkv', [...testPicture('1280x720', 2, 25), '-c:v', 'mpeg4', '-an']),
    100,
  );
}, 120_000);

/** The processes of this test's ffmpeg: they work in its temporary folder. */
async function ffmpegsIn(folder: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    `ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F '${folder}' || true`,
  ]);
  return stdout.split('\n').filter(Boolean);
}

describe.skipIf('missing' in converter)('a copy', OPTIONS, () => {
  it('is made once, of any number of requests, by one of several workers', async (t) => {
    const fixture = await openCopyFixture(t, { 'a.avi': small });
    const { id } = await fixture.alert('/right/a.avi', { codec: 'mpeg4' });
    await Promise.all(Array.from({ length: 10 }, () => requestCopy(fixture.db, id)));
    for (let n = 0; n < 3; n += 1) fixture.start();
    await expect.poll(() => fixture.copyOf(id), SOON).toMatchObject({ status: 'ready', attempts: 1 });
    await requestCopy(fixture.db, id);
    expect(await fixture.copyOf(id)).toMatchObject({ status: 'ready', attempts: 1 });
    expect(fixture.videos.requests).toHaveLength(1);
  });

  it('reports its progress, and is released when the worker stops', async (t) => {
    const fixture = await openCopyFixture(t, { 'a.mkv': long });
    const copier = fixture.start();
    const id = await fixture.request('/right/a.mkv', { codec: 'mpeg4', duration: 200 });
    await expect.poll(async () => (await fixture.copyOf(id)).progress, SOON).toBeGreaterThan(0.2);
    expect(await ffmpegsIn(fixture.temporaryFolder)).not.toEqual([]);
    await copier.close();
    expect(await fixture.copyOf(id)).toMatchObject({ status: 'pending', progress: 0, attempts: 1, attemptsBefore: 1 });
    expect(await readdir(fixture.temporaryFolder)).toEqual([]);
    await expect.poll(() => ffmpegsIn(fixture.temporaryFolder), SOON).toEqual([]);
  });

  it('is abandoned after another claim, and when its alert is deleted', async (t) => {
    const fixture = await openCopyFixture(t, { 'a.mkv': long });
    const { metrics } = fixture.start();
    const superseded = async () =>
      (await metrics.copies.get()).values.find(({ labels }) => 'outcome' in labels && labels.outcome === 'superseded')
        ?.value;
    const id = await fixture.request('/right/a.mkv', { codec: 'mpeg4', duration: 200 });
    await expect.poll(async () => (await fixture.copyOf(id)).progress, SOON).toBeGreaterThan(0.2);
    await fixture.db.copy.update({ where: { alertId: id }, data: { attempts: 2 } });
    await expect.poll(superseded, SOON).toBe(1);
    await expect.poll(() => readdir(fixture.temporaryFolder), SOON).toEqual([]);
    const other = await fixture.request('/right/a.mkv', { codec: 'mpeg4', duration: 200 });
    await expect.poll(async () => (await fixture.copyOf(other)).progress, SOON).toBeGreaterThan(0.2);
    await fixture.db.alert.deleteMany({ where: { id: other } });
    await expect.poll(superseded, SOON).toBe(2);
    expect(await fixture.copyOf(id)).toMatchObject({ status: 'pending' });
  });

  it('for the archive is smaller, and none if it would be larger than an original that browsers play', async (t) => {
    const large = await makeVideo('a.mp4', [...testPicture('1280x720', 2), '-c:v', 'libx264', '-crf', '10']);
    const tiny = await makeVideo('b.mp4', [...testPicture('320x180', 2, 2), '-c:v', 'libx264', '-crf', '45', '-an']);
    const fixture = await openCopyFixture(t, { 'a.mp4': large, 'b.mp4': tiny });
    const [first, second] = [await fixture.alert('/right/a.mp4'), await fixture.alert('/right/b.mp4')];
    await requestArchiveCopies(fixture.db, { store: 'a', before: new Date(Date.now() + 60_000) }, { limit: 9 });
    fixture.start();
    await expect.poll(async () => (await fixture.copyOf(first.id)).status, SOON).toBe('ready');
    const copy = await fixture.copyOf(first.id);
    expect(copy).toMatchObject({ archive: true, width: 640, height: 360 });
    expect(Number(copy.bytes)).toBeLessThan(large.length / 3);
    expect((await describeVideo(await fixture.fileOf(copy))).audio).toMatchObject({ codec_name: 'aac' });
    await expect
      .poll(() => fixture.copyOf(second.id), SOON)
      .toMatchObject({ status: 'none', reason: 'playable', detail: expect.stringContaining(`${tiny.length}`) });
  });
});

describe.skipIf('missing' in converter)('the cache', OPTIONS, () => {
  it('deletes the copy that was not used for longest, which readers that have it open still get', async (t) => {
    const fixture = await openCopyFixture(t, {
      'a.avi': small,
      'b.avi': await makeVideo('b.avi', [...testPicture('160x90'), '-c:v', 'mpeg4', '-an']),
    });
    const first = await fixture.request('/right/a.avi', { codec: 'mpeg4' });
    const copier = fixture.start();
    await expect.poll(async () => (await fixture.copyOf(first)).status, SOON).toBe('ready');
    const copy = await fixture.copyOf(first);
    const expected = await fixture.fileOf(copy);
    const sha256 = Buffer.from(copy.sha256 ?? []).toString('hex');
    const opened = await fixture.store.open('copy', sha256);
    await copier.close();
    fixture.start({ cacheBytes: Number(copy.bytes) });
    const second = await fixture.request('/right/b.avi', { codec: 'mpeg4' });
    await expect.poll(() => fixture.store.size('copy', sha256), SOON).toBeUndefined();
    expect(await fixture.db.copy.findMany()).toMatchObject([{ alertId: second, status: 'ready' }]);
    expect(Buffer.concat((await opened?.stream.toArray()) ?? []).equals(expected)).toBe(true);
  });

  it('takes no copy that is larger than the cache', async (t) => {
    const fixture = await openCopyFixture(t, { 'a.avi': small });
    fixture.start({ cacheBytes: 100 });
    const id = await fixture.request('/right/a.avi', { codec: 'mpeg4' });
    await expect.poll(() => fixture.copyOf(id), SOON).toMatchObject({ status: 'none', reason: 'too_large' });
  });
});

describe('a worker', OPTIONS, () => {
  it('without ffmpeg or without a store gives the reason', async (t) => {
    const fixture = await openCopyFixture(t, {});
    const first = await fixture.request('/right/a.avi');
    const copier = fixture.start({ converter: { missing: 'ffmpeg is not installed' } });
    await expect
      .poll(() => fixture.copyOf(first), SOON)
      .toMatchObject({ status: 'none', reason: 'no_decoder', detail: 'ffmpeg is not installed' });
    await copier.close();
    fixture.start({ store: undefined, converter: { ffmpegPath: 'x', sandbox: withSandbox() } });
    const second = await fixture.request('/right/a.avi');
    await expect.poll(() => fixture.copyOf(second), SOON).toMatchObject({ status: 'none', reason: 'no_storage' });
    expect(fixture.videos.requests).toEqual([]);
  });

  it('removes folders of killed workers, and no others', async (t) => {
    const fixture = await openCopyFixture(t, {});
    const folder = (name: string) => join(fixture.temporaryFolder, name);
    for (const name of ['video-alerts-copy-old', 'video-alerts-copy-new', 'other'])
      await mkdir(folder(name), { recursive: true });
    const old = new Date(Date.now() - 700_000);
    for (const name of ['video-alerts-copy-old', 'other']) await utimes(folder(name), old, old);
    fixture.start();
    await expect.poll(() => readdir(fixture.temporaryFolder), SOON).toEqual(['other', 'video-alerts-copy-new']);
    await rm(fixture.temporaryFolder, { recursive: true });
  });
});

function withSandbox() {
  return {
    restricted: [],
    unrestricted: [],
    libraries: false,
    limits: { cpuSeconds: 1, memoryKiB: 1, fileKiB: 1, threads: 1 },
  };
}
