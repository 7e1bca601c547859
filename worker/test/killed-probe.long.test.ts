import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

it('removes the folder of a probe whose worker was killed, and nothing else', { timeout: 400_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'killed-probe-'));
  t.onTestFinished(() => rm(folder, { recursive: true }));
  const temporary = join(folder, 'temporary');
  await mkdir(temporary);
  const hangingFfprobe = join(folder, 'ffprobe');
  await writeFile(hangingFfprobe, '#!/bin/sh\n[ "$1" = -version ] && exit\n: > started\nexec /bin/sleep 60\n');
  await chmod(hangingFfprobe, 0o755);
  const { insert, startWorker, waitUntilNotified } = await openWorkerFixture(t);
  const uuid = await insert('/right/mpeg2.avi');

  // Without pictures: the first runs of ffmpeg have such a folder, too, and write to it for a moment after their worker is killed.
  const env = { TMPDIR: temporary, FFPROBE_PATH: hangingFfprobe, PROBE_TIMEOUT_MS: '600000', PICTURES: 'off' };
  const killed = startWorker(env);
  // Before ffprobe starts, its sandbox creates files in the folder, even after the worker was killed.
  const abandoned = await vi.waitFor(async () => {
    for (const name of await readdir(temporary)) {
      if ((await readdir(join(temporary, name))).includes('started')) return name;
    }
    throw new Error('ffprobe has not started yet');
  }, PATIENTLY);
  await killed.kill();
  const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
  // A folder of a probe that may be running, one of another program, and a file.
  await mkdir(join(temporary, 'video-alerts-probe-fresh'));
  await mkdir(join(temporary, 'video-other'));
  await writeFile(join(temporary, 'video-alerts-probe-file'), '');
  const others = ['video-alerts-probe-file', 'video-alerts-probe-fresh', 'video-other'];
  for (const name of [abandoned, 'video-other', 'video-alerts-probe-file']) {
    await utimes(join(temporary, name), twoHoursAgo, twoHoursAgo);
  }

  const successor = startWorker({ TMPDIR: temporary, PICTURES: 'off' });
  expect(await waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
  await successor.stop();
  const left = await readdir(temporary);
  expect(left.toSorted()).toEqual(others);
  expect(successor.lines.join('\n')).toContain('"abandoned":1');
});
