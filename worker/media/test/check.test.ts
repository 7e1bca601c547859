import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type MediaKind, type MediaStore, openMediaStore } from '#media/store.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { withSessionLock } from '#prisma/session-lock.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { checkFiles } from '../check.ts';
import { createMediaMetrics } from '../metrics.ts';
import { startMediaCheck } from '../start.ts';

let database: TestDatabase;
let db: Database;
let folder: string;
let store: MediaStore;
let metrics: ReturnType<typeof createMediaMetrics>;
let registry: Registry;
let logged: Record<string, unknown>[];
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 4, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});
beforeEach(async () => {
  await db.$executeRaw`TRUNCATE alerts CASCADE`;
  folder = mkdtempSync(join(tmpdir(), 'media-check-'));
  store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
  registry = new Registry();
  metrics = createMediaMetrics(registry);
  logged = [];
  return () => rmSync(folder, { recursive: true });
});

const log = pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line)) });
const signal = new AbortController().signal;
const check = (kind: MediaKind = 'picture') => checkFiles({ db, store, log, metrics }, kind, signal);
const TWO_HOURS_AGO = new Date(Date.now() - 7_200_000);

/** Stores a new file and returns its SHA-256. */
async function addFile({ kind = 'picture' as MediaKind, modifiedAt = TWO_HOURS_AGO } = {}): Promise<string> {
  const bytes = randomBytes(100);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await store.put(kind, bytes, sha256);
  utimesSync(join(folder, `${store.internalPath?.(kind, sha256)}`), modifiedAt, modifiedAt);
  return sha256;
}

/** Inserts a row that refers to the file, and returns the id of its alert. */
async function addRow(
  sha256: string,
  { kind = 'picture' as MediaKind, finishedAt = TWO_HOURS_AGO } = {},
): Promise<bigint> {
  const [row] = await db.$queryRawUnsafe<{ id: bigint }[]>(
    `WITH alert AS (
       INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, updated_at)
       VALUES ($1::uuid, '/a.mp4', 's', 1, 'r', 'processed', now()) RETURNING id)
     INSERT INTO ${kind === 'picture' ? 'pictures' : 'copies'} (alert_id, status, sha256, finished_at)
     SELECT id, 'ready', decode($2, 'hex'), $3::timestamptz FROM alert RETURNING alert_id AS id`,
    ...[randomUUID(), sha256, finishedAt],
  );
  return row?.id ?? 0n;
}

const files = async (kind: MediaKind = 'picture') => {
  const found = [];
  for await (const { sha256 } of store.list(kind)) found.push(sha256);
  return found.toSorted();
};

const metric = async (name: string, kind: MediaKind = 'picture') => {
  const text = await registry.metrics();
  return Number(new RegExp(`^${name}\\{kind="${kind}"\\} (\\S+)$`, 'm').exec(text)?.[1]);
};

describe('the check of stored files', () => {
  it('deletes old files without a row, and no others', async () => {
    const used = await addFile();
    await addRow(used);
    const shared = await addFile();
    await addRow(shared);
    await addRow(shared);
    const recent = await addFile({ modifiedAt: new Date() });
    await addFile();
    const copy = await addFile({ kind: 'copy' });
    await check();
    expect(await files()).toEqual([used, shared, recent].toSorted());
    expect(await files('copy')).toEqual([copy]);
    expect([await metric('media_files'), await metric('media_bytes')]).toEqual([4, 400]);
    expect(await metric('media_orphans_deleted_total')).toBe(1);
    await check('copy');
    expect(await files('copy')).toEqual([]);
  });

  it('lets a picture be made again once, and then gives file_lost as the reason', async () => {
    const sha256 = createHash('sha256').update('x').digest('hex');
    const alertId = await addRow(sha256);
    const fresh = await addRow(createHash('sha256').update('y').digest('hex'), { finishedAt: new Date() });
    await check();
    const picture = () => db.picture.findUniqueOrThrow({ where: { alertId } });
    expect(await picture()).toMatchObject({ status: 'pending', reason: 'file_lost', sha256: null });
    expect(await db.picture.findUniqueOrThrow({ where: { alertId: fresh } })).toMatchObject({ status: 'ready' });
    await db.$executeRaw`UPDATE pictures SET status = 'ready', sha256 = decode(${sha256}, 'hex') WHERE alert_id = ${alertId}`;
    await check();
    expect(await picture()).toMatchObject({ status: 'none', reason: 'file_lost' });
    expect(await metric('media_files_lost_total')).toBe(2);
  });

  it('gives file_lost as the reason for a copy', async () => {
    const alertId = await addRow('ab'.repeat(32), { kind: 'copy' });
    await check('copy');
    expect(await db.copy.findUniqueOrThrow({ where: { alertId } })).toMatchObject({
      status: 'none',
      reason: 'file_lost',
    });
  });

  it('changes nothing if most files have no row', async () => {
    for (let n = 0; n < 101; n += 1) await addFile();
    await check();
    expect(await files()).toHaveLength(101);
    expect(await metric('media_checks_refused_total')).toBe(1);
    expect(logged).toContainEqual(expect.objectContaining({ level: 50, files: 101, orphans: 101 }));
  });

  it('changes nothing if most files are missing, as if the folder were not mounted', async () => {
    const ids = [];
    for (let n = 0; n < 101; n += 1) ids.push(await addRow(randomBytes(32).toString('hex')));
    await check();
    expect(await db.picture.count({ where: { status: 'ready' } })).toBe(101);
    expect(await metric('media_checks_refused_total')).toBe(1);
  });

  it('does not delete a file that got a row during the check', async () => {
    const sha256 = await addFile();
    const late: MediaStore = {
      ...store,
      async *list(kind, prefix) {
        yield* store.list(kind, prefix);
        // After the rows of the last part were read.
        if (prefix === 'ff') await addRow(sha256);
      },
    };
    if (sha256.startsWith('ff')) return;
    await checkFiles({ db, store: late, log, metrics }, 'picture', signal);
    expect(await files()).toEqual([sha256]);
  });

  it('runs in one worker at a time, and again after a failure', async () => {
    let checks = 0;
    const failing: MediaStore = {
      ...store,
      async check() {
        checks += 1;
        if (checks === 1) throw new Error('disk full');
      },
    };
    const orphan = await addFile();
    const options = { db, store: failing, log, metrics, databaseUrl: database.url, delayMs: () => 20 };
    const [one, two] = [startMediaCheck(options), startMediaCheck(options)];
    onTestFinished(async () => {
      await Promise.all([one.close(), two.close()]);
    });
    await expect.poll(() => files(), { timeout: 60_000 }).not.toContain(orphan);
    expect(logged).toContainEqual(expect.objectContaining({ level: 40, msg: 'check of stored files failed' }));
  });
});

it('a session lock is held by one task at a time', async () => {
  let inner: boolean | undefined;
  const LOCK = { key: 1, name: 'test' };
  const outer = await withSessionLock(database.url, LOCK, async () => {
    inner = await withSessionLock(database.url, LOCK, async () => {});
  });
  expect([outer, inner]).toEqual([true, false]);
  expect(await withSessionLock(database.url, LOCK, async () => {})).toBe(true);
});
