import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openMediaStore } from '#media/store.ts';
import { VideoServerError } from '../../errors.ts';
import { PictureError } from '../error.ts';
import { watchStorage } from '../storage.ts';
import { decode, openPictureFixture, SOON } from './picture-fixture.ts';
import { testDecoder } from './pictures.ts';

const OPTIONS = { timeout: 120_000 };

const missing = (await testDecoder()) === undefined;

describe.skipIf(missing)('an alert that was just processed', () => {
  it('gets its picture from what was read of the video', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const runner = fixture.startRunner();
    const uuid = await fixture.process('/right/h264.mp4', runner);
    await expect
      .poll(() => fixture.row(uuid), SOON)
      .toMatchObject({ status: 'ready', width: 64, attempts: 1, failures: 0 });
    const { sha256, pictureBytes, bytes } = await fixture.row(uuid);
    const file = await fixture.store.open('picture', sha256 ?? '');
    expect(file?.size).toBe(bytes);
    file?.stream.destroy();
    const alert = await fixture.db.alert.findUniqueOrThrow({ where: { uuid } });
    const [first] = fixture.videos.requests;
    const size = (await fixture.openVideo({ video: '/right/h264.mp4', store: '', source: null }, signal())).size;
    expect(first?.range).toBe('bytes=0-16383');
    // No byte is fetched twice.
    expect(alert.bytesFetched + pictureBytes).toBe(BigInt(size));
    expect(runner.errors).toEqual([]);
  });

  it('shares the file with all alerts of the same video', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const runner = fixture.startRunner({ make: once(fixture.folder), concurrency: 4 });
    await Promise.all(Array.from({ length: 100 }, () => fixture.process('/right/h264.mp4', runner)));
    // First those that were handed over: a sweep would take these, too.
    await expect.poll(fixture.readyCount, SOON).toBeGreaterThanOrEqual(32);
    await fixture.makeDue();
    await expect.poll(async () => runner.sweep().then(fixture.readyCount), SOON).toBe(100);
    expect(await fixture.files()).toHaveLength(1);
    expect(await fixture.db.picture.groupBy({ by: ['sha256'] })).toHaveLength(1);
  });

  it('waits for a sweep if too many others wait, which then opens the video again', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const hold = Promise.withResolvers<void>();
    const make = once(fixture.folder);
    const runner = fixture.startRunner({ make: (video) => hold.promise.then(() => make(video)) });
    const uuids = await Promise.all(Array.from({ length: 35 }, () => fixture.process('/right/h264.avi', runner)));
    hold.resolve();
    await expect.poll(fixture.readyCount, SOON).toBe(33);
    await fixture.makeDue();
    await expect.poll(async () => runner.sweep().then(fixture.readyCount), SOON).toBe(35);
    const rows = await Promise.all(uuids.map((uuid) => fixture.row(uuid)));
    const fetched = new Set(rows.map(({ pictureBytes }) => pictureBytes));
    // Once without and once with the header.
    expect(fetched.size).toBe(2);
  });
});

describe.skipIf(missing)('an attempt', () => {
  it('whose lease has passed changes nothing', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const hold = Promise.withResolvers<void>();
    const runner = fixture.startRunner({
      make: async (video) => hold.promise.then(() => decode(video, fixture.folder)),
    });
    const uuid = await fixture.process('/right/h264.mp4', runner);
    await expect.poll(async () => (await fixture.row(uuid)).attempts, SOON).toBe(1);
    await fixture.makeDue();
    expect(await fixture.claimDue()).toMatchObject([{ uuid, attempts: 2, crashes: 2 }]);
    hold.resolve();
    await runner.close(60_000);
    expect(await fixture.row(uuid)).toMatchObject({ status: 'pending', attempts: 2, sha256: null });
    expect(runner.errors).toEqual([]);
  });

  it.for([
    ['/right/missing.mp4', 'video_not_found'],
    ['/right/h264.mp4', 'frame_damaged'],
  ] as const)('that cannot succeed with %s ends with the reason', OPTIONS, async ([path, code], t) => {
    const fixture = await openPictureFixture(t);
    const make = async () => {
      throw new PictureError('frame_damaged', 'frame_damaged: the first frame');
    };
    const runner = fixture.startRunner({ make });
    const uuid = await fixture.process('/right/h264.mp4');
    await fixture.db.alert.update({ where: { uuid }, data: { video: path } });
    await fixture.makeDue();
    await runner.sweep();
    await expect.poll(async () => (await fixture.row(uuid)).status, SOON).toBe('none');
    const { reason, detail } = await fixture.row(uuid);
    expect(`${reason} ${detail}`).toContain(code);
  });

  it('is repeated five times in all if its video server fails', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const make = async () => {
      throw new VideoServerError('503');
    };
    const runner = fixture.startRunner({ make });
    const uuid = await fixture.process('/right/h264.mp4', runner);
    for (const [n, delayS] of [10, 60, 300, 1_800].entries()) {
      await expect.poll(async () => (await fixture.row(uuid)).failures, SOON).toBe(n + 1);
      const row = await fixture.row(uuid);
      expect(row).toMatchObject({ status: 'pending', reason: 'video_unavailable', crashes: 0 });
      expect(row.nextAttemptAt.getTime() - Date.now()).toBeGreaterThan(delayS * 1_000 - 9_000);
      expect(row.nextAttemptAt.getTime() - Date.now()).toBeLessThanOrEqual(delayS * 1_000);
      await fixture.makeDue();
      await runner.sweep();
    }
    await expect.poll(() => fixture.row(uuid), SOON).toMatchObject({ status: 'none', reason: 'video_unavailable' });
    expect(await fixture.row(uuid)).toMatchObject({ attempts: 5, detail: 'video_server_error: 503' });
  });

  it('does not start while the source of the video is down, and does not count', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const runner = fixture.startRunner({ isDown: () => true });
    const uuid = await fixture.process('/right/h264.mp4');
    const requests = fixture.videos.requests.length;
    await fixture.makeDue();
    await runner.sweep();
    await expect
      .poll(() => fixture.row(uuid), SOON)
      .toMatchObject({ reason: 'video_unavailable', failures: 0, crashes: 0 });
    expect(fixture.videos.requests).toHaveLength(requests);
  });

  it('that crashed its worker several times is the last one', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const runner = fixture.startRunner();
    const uuid = await fixture.process('/right/h264.mp4');
    for (const crashes of [1, 2, 3]) {
      await fixture.makeDue();
      expect(await fixture.claimDue()).toMatchObject([{ crashes }]);
    }
    await fixture.makeDue();
    await runner.sweep();
    await expect.poll(() => fixture.row(uuid), SOON).toMatchObject({ status: 'none', reason: 'decoder_failed' });
  });

  it('is released when the worker stops', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const runner = fixture.startRunner({ make: () => new Promise(() => {}) });
    const uuid = await fixture.process('/right/h264.mp4', runner);
    await expect.poll(async () => (await fixture.row(uuid)).attempts, SOON).toBe(1);
    await runner.close(0);
    expect(await fixture.row(uuid)).toMatchObject({ status: 'pending', failures: 0, crashes: 0, reason: null });
    expect(await fixture.claimDue()).toMatchObject([{ uuid, attempts: 2 }]);
  });

  it('that fails inside the worker is logged and repeated', OPTIONS, async (t) => {
    const fixture = await openPictureFixture(t);
    const make = async () => {
      throw new TypeError('a bug');
    };
    const runner = fixture.startRunner({ make });
    const uuid = await fixture.process('/right/h264.mp4', runner);
    await expect
      .poll(() => fixture.row(uuid), SOON)
      .toMatchObject({ status: 'pending', reason: 'decoder_failed', failures: 1 });
    expect(runner.logged).toMatchObject([{ msg: 'picture failed: internal error', alert: uuid, attempt: 1 }]);
  });
});

it('while pictures cannot be stored, they wait: logged once, and no attempt counts', OPTIONS, async (t) => {
  const fixture = await openPictureFixture(t);
  const broken = join(fixture.folder, 'broken');
  // A file where the folder should be: it stops root, too.
  await writeFile(broken, '');
  const store = openMediaStore(pathToFileURL(broken).href, { sources: new Map() });
  const logged: { msg: string }[] = [];
  const log = pino({}, { write: (line) => logged.push(JSON.parse(line)) });
  const runner = fixture.startRunner({ storage: watchStorage(store, log, { checkMs: 0 }) });
  const first = await fixture.process('/right/h264.mp4', runner);
  await expect
    .poll(() => fixture.row(first), SOON)
    .toMatchObject({ status: 'pending', reason: 'no_storage', failures: 0 });
  const second = await fixture.process('/right/h264.avi', runner);
  for (let n = 0; n < 3; n += 1) {
    await fixture.makeDue();
    await runner.sweep();
  }
  expect(await fixture.row(first)).toMatchObject({ attempts: 1 });
  expect(await fixture.row(second)).toMatchObject({ attempts: 0 });
  expect(logged.map(({ msg }) => msg)).toEqual(['pictures cannot be stored: they wait until they can']);
  await rm(broken);
  await mkdir(broken);
  for (const uuid of [first, second]) {
    await expect
      .poll(async () => {
        await fixture.makeDue();
        await runner.sweep();
        return (await fixture.row(uuid)).status;
      }, SOON)
      .toBe('ready');
  }
  expect(logged.map(({ msg }) => msg).slice(1)).toEqual(['pictures can be stored again']);
});

/** Reads each video, but decodes only the first one. */
function once(folder: string) {
  let picture: ReturnType<typeof decode> | undefined;
  return async (video: Parameters<typeof decode>[0]) => {
    await video.read(0, video.size);
    picture ??= decode(video, folder);
    return picture;
  };
}

function signal() {
  return { signal: AbortSignal.timeout(60_000), meter: { bytesFetched: 0, requests: 0 } };
}
