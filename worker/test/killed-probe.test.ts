import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { addPending, findAlert } from '#prisma/alerts.ts';
import { openDatabase } from '#prisma/client.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { until } from '#test/harness/until.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { isFinal, running, start } from '#test/harness/worker-process.ts';
import { FIXTURES } from './test-worker.ts';

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

it('a worker killed in mid-probe leaves a folder, which a later start removes, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'killed-probe-'));
  const temporary = join(folder, 'temporary');
  await mkdir(temporary);
  const endless = join(folder, 'ffprobe');
  await writeFile(endless, '#!/bin/sh\nexec /bin/sleep 10\n');
  await chmod(endless, 0o755);
  const database = await createTestDatabase();
  await migrateQueue(database.url);
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  const videos = await startVideoServer({ root: FIXTURES });
  onTestFinished(async () => {
    await videos.close();
    await db.$disconnect();
    await database.drop();
    await rm(folder, { recursive: true });
  });
  const uuid = randomUUID();
  await addPending(db, { uuid, video: '/right/mpeg2.avi', store: 'store', timestamp: 1, requestId: 'r' });
  await db.alert.update({ where: { uuid }, data: { receivedAt: new Date(0), updatedAt: new Date(0) } });
  const env = { DATABASE_URL: database.url, VIDEO_SERVER: videos.origin, TMPDIR: temporary };

  const killed = start({ ...env, FFPROBE_PATH: endless });
  const left = await until(async () => (await readdir(temporary))[0]);
  killed.child.kill('SIGKILL');
  await killed.ended;
  const old = new Date(Date.now() - 2 * 3_600_000);
  // Of another probe that may run, of another program, and not a folder.
  await mkdir(join(temporary, 'video-alerts-probe-fresh'));
  await mkdir(join(temporary, 'video-other'));
  await writeFile(join(temporary, 'video-alerts-probe-file'), '');
  const others = ['video-alerts-probe-file', 'video-alerts-probe-fresh', 'video-other'];
  for (const name of [left, 'video-other', 'video-alerts-probe-file']) await utimes(join(temporary, name), old, old);

  const next = start(env);
  expect(await until(async () => isFinal(await findAlert(db, uuid)))).toMatchObject({ status: 'processed' });
  next.child.kill('SIGTERM');
  await next.ended;
  expect((await readdir(temporary)).sort()).toEqual(others);
  expect(next.lines.join('\n')).toContain('"abandoned":1');
}, 60_000);
