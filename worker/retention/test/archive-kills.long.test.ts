import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readChain } from '#archive/chain.ts';
import { linesOf, openBucketArchive, openFolderArchive } from '#archive/test/archive-fixture.ts';
import { verifyArchive } from '#archive/verify.ts';
import type { ObjectStore } from '#media/objects.ts';
import { readArchiveHead } from '#prisma/archive-records.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';

type Archive = { store: ObjectStore; env: { ARCHIVE_URL: string; SOURCES_FILE?: string } };

const ENTRY = join(import.meta.dirname, 'archiving-process.ts');
/** Changes of the archive until the kill, at most: a run that adds rows to four files has eleven. */
const MAX_CHANGES = 12;
/** The first runs have fewer. */
const LONGEST_RUN_MS = 10_000;
/** Longest time from that change to the kill. */
const MAX_DELAY_MS = 60;
const HELD = 5;
/** `KILLS=180` takes half an hour on a busy machine. */
const KILLS = Number(process.env.KILLS ?? 18);

/** Returns a process that waits for a message to begin. */
async function startProcess(settings: object): Promise<ChildProcess> {
  const child = spawn(process.execPath, [ENTRY, JSON.stringify(settings)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (message !== 'ready') throw new Error(`the process ended with ${message}`);
  return child;
}

/** Resolves when the process has begun this number of changes of the archive, or has nothing more to do. */
function changes(child: ChildProcess, count: number): Promise<unknown> {
  let begun = 0;
  const reached = new Promise<void>((resolve) => {
    if (count === 0) resolve();
    child.on('message', () => {
      begun += 1;
      if (begun === count) resolve();
    });
  });
  return Promise.race([reached, sleep(LONGEST_RUN_MS)]);
}

/** Returns what `work`, which may run twice, returns while the database is reachable: a busy machine is slow to connect. */
async function whenReachable<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable) || attempt === 20) throw error;
    }
  }
}

/** Inserts final alerts that are due, of two stores and four days, and returns their uuids. */
async function insertDue(db: Database, count: number): Promise<string[]> {
  const uuids = Array.from({ length: count }, () => randomUUID());
  await whenReachable(
    () => db.$executeRaw`
      INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, updated_at, notified_at)
      SELECT uuid, '/' || repeat(md5(n::text), 8) || '.mp4', 'store-' || n % 2, 1, 'r', 'processed',
        date_trunc('day', now(), 'UTC') - make_interval(days => 2 + n::int % 4, hours => 1), now(), now()
      FROM unnest(${uuids}::uuid[]) WITH ORDINALITY AS new (uuid, n) ON CONFLICT DO NOTHING`,
  );
  return uuids;
}

async function hold(db: Database, uuids: string[]): Promise<void> {
  await db.$executeRaw`
    INSERT INTO holds (alert_id, reason, created_by, created_by_name)
    SELECT id, 'evidence', 'k', 'k' FROM alerts WHERE uuid::text = ANY (${uuids}::text[])`;
}

/** Checks that each alert is in the table or in the archive, that held ones are in the table, and that the archive is valid. */
async function check(
  db: Database,
  { store, env }: Archive,
  expected: { all: string[]; held: string[] },
): Promise<void> {
  // The table first: what it does not have any more, the archive had before.
  const rows = await db.alert.findMany({ select: { uuid: true, archived: true } });
  const archived = await linesOf(store, await readChain(store, { head: await readArchiveHead(db, env.ARCHIVE_URL) }));
  const inTable = new Set(rows.map(({ uuid }) => uuid));
  expect(expected.all.filter((uuid) => !inTable.has(uuid) && !archived.has(uuid))).toEqual([]);
  expect(expected.held.filter((uuid) => !inTable.has(uuid))).toEqual([]);
  // A restored row is marked from the start: otherwise it could be retried and delivered again.
  const [{ n }] = await db.$queryRaw<[{ n: number }]>`
    SELECT count(*)::int AS n FROM alerts WHERE change_xid = '1' AND id NOT IN (SELECT alert_id FROM archived_alerts)`;
  expect(n).toBe(0);
  const { problems } = await verifyArchive(store, { head: await readArchiveHead(db, env.ARCHIVE_URL) });
  expect(problems).toEqual([]);
}

describe.each([
  ['a folder', KILLS, openFolderArchive],
  ['a bucket', Math.ceil(KILLS / 9), openBucketArchive],
])('archiving and restoring with %s', (_where, kills, open) => {
  it(`loses no alert in ${kills} kills`, { timeout: 3_000_000 }, async () => {
    const database = await createTestDatabase();
    const db = openDatabase(database.url, { poolSize: 4, onError: () => {} });
    onTestFinished(async () => {
      await db.$disconnect();
      await database.drop();
    });
    const archive: Archive = await open();
    const all = await insertDue(db, 40);
    const held = all.slice(0, HELD);
    await hold(db, held);
    // The last one, which is not killed until all is archived, does not restore.
    const settings = (round: number) => ({
      ...archive.env,
      databaseUrl: database.url,
      restores: round % 2 === 1 && round < kills,
    });
    let next = startProcess(settings(0));
    for (let round = 0; round < kills; round += 1) {
      const child = await next;
      // It starts while the other one works.
      next = startProcess(settings(round + 1));
      all.push(...(await insertDue(db, 20)));
      const ended = once(child, 'exit');
      const reached = changes(child, Math.floor(Math.random() * MAX_CHANGES));
      child.send('begin');
      await reached;
      await sleep(Math.random() * MAX_DELAY_MS);
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
      await whenReachable(() => check(db, archive, { all, held }));
    }
    const last = await next;
    last.send('begin');
    await expect.poll(() => whenReachable(() => db.alert.count()), { timeout: 150_000 }).toBe(HELD);
    last.kill('SIGKILL');
    await whenReachable(() => check(db, archive, { all, held }));
    const { rows } = await verifyArchive(archive.store);
    expect(rows).toBe(all.length - HELD);
  });
});
