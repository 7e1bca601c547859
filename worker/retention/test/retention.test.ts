import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type MediaStore, openMediaStore } from '#media/store.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { partsOf, setRetentionRule } from '#prisma/retention-rules.ts';
import { findRetentionState } from '#prisma/retention-run.ts';
import { withSessionLock } from '#prisma/session-lock.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { createRetentionMetrics } from '../metrics.ts';
import { type Archive, createRun } from '../run.ts';
import { startRetention } from '../start.ts';

let database: TestDatabase;
let db: Database;
let folder: string;
let store: MediaStore;
let registry: Registry;
let metrics: ReturnType<typeof createRetentionMetrics>;
let auditedBefore: bigint;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url, { poolSize: 6, onError: () => {} });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});
beforeEach(async () => {
  await db.$executeRaw`TRUNCATE alerts, retention_rules, retention_state CASCADE`;
  [{ id: auditedBefore }] = await db.$queryRaw<[{ id: bigint }]>`SELECT COALESCE(max(id), 0) AS id FROM audit_log`;
  folder = mkdtempSync(join(tmpdir(), 'retention-'));
  store = openMediaStore(pathToFileURL(folder).href, { sources: new Map() });
  registry = new Registry();
  metrics = createRetentionMetrics(registry);
  return () => rmSync(folder, { recursive: true });
});

const log = pino({ level: 'silent' });
const LIMIT = { timeout: 150_000 };
/** All alerts are kept for this time. */
const keep = (days: number) => async () => partsOf([], days);
const never = new AbortController().signal;

/** Inserts processed alerts, one a day and a second old, one two days and a second, and so on. */
const insert = (days: number, name = 's') => db.$executeRaw`
  INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, received_at, updated_at, notified_at)
  SELECT gen_random_uuid(), '/' || n || '.mp4', ${name}, 1, 'r', 'processed', now() - make_interval(days => n, secs => 1), now(), now()
  FROM generate_series(1, ${days}::int) n`;

const left = async () => (await db.alert.findMany({ orderBy: { id: 'asc' } })).map(({ video }) => video.slice(1, -4));
const audited = async () => {
  const entries = await db.$queryRaw<{ details: unknown }[]>`
    SELECT details FROM audit_log WHERE action = 'retention.run' AND id > ${auditedBefore} ORDER BY id`;
  return entries.map(({ details }) => details);
};
const metric = async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await registry.metrics())?.[1]);

describe('a run', () => {
  it('deletes what is due, with its files, and no others', async () => {
    await insert(4);
    const shas = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const bytes = randomBytes(10);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        await store.put('picture', bytes, sha256);
        return sha256;
      }),
    );
    await db.$executeRaw`
      INSERT INTO pictures (alert_id, status, sha256)
      SELECT id, 'ready', decode((${shas}::text[])[substr(video, 2, 1)::int], 'hex') FROM alerts`;
    expect(await createRun({ db, store, log, metrics })(keep(2), never)).toBe(3);
    expect(await left()).toEqual(['1']);
    expect(await db.picture.count()).toBe(1);
    const stored = await Promise.all(shas.map((sha256) => store.size('picture', sha256)));
    expect(stored).toEqual([10, undefined, undefined, undefined]);
    expect(await metric('retention_deleted_total')).toBe(3);
    expect(await metric('retention_due_rows')).toBe(0);
    expect(await findRetentionState(db)).toMatchObject({ deleted: 3, error: null, finishedAt: expect.any(Date) });
    expect(await audited()).toEqual([{ deleted: 3 }]);
  });

  it('records also what a killed run has deleted', async () => {
    await insert(4);
    await db.$executeRaw`INSERT INTO retention_state (started_at, updated_at, deleted) VALUES (now(), now(), 7)`;
    expect(await createRun({ db, store, log, metrics })(keep(4), never)).toBe(1);
    expect(await audited()).toEqual([{ deleted: 7, error: 'the worker ended during the run' }, { deleted: 1 }]);
  });

  it('finds an alert that was held when its hold has ended', async () => {
    await insert(3);
    await db.$executeRaw`
      INSERT INTO holds (alert_id, reason, created_by, created_by_name) SELECT id, '', '', '' FROM alerts WHERE video = '/3.mp4'`;
    expect(await createRun({ db, store, log, metrics })(keep(2), never)).toBe(1);
    await db.$executeRaw`TRUNCATE holds`;
    expect(await createRun({ db, store, log, metrics })(keep(2), never)).toBe(1);
    expect(await left()).toEqual(['1']);
  });

  it('deletes only what the archive has confirmed unchanged', async () => {
    await insert(6);
    const offered: number[] = [];
    const archive: Archive = async (due) => {
      offered.push(due.length);
      const [first] = due;
      if (first)
        await db.$executeRaw`UPDATE alerts SET updated_at = updated_at + interval '1 s' WHERE id = ${first.id}`;
      return due.slice(0, 3);
    };
    expect(await createRun({ db, store, archive, log, metrics })(keep(2), never)).toBe(2);
    expect(offered).toEqual([5]);
    expect(await left()).toEqual(['1', '2', '3', '6']);
  });

  it('ends before the next batch once the rules have changed', async () => {
    await insert(3);
    let days = 1;
    const archive: Archive = async (due) => {
      days = 3;
      return due;
    };
    const run = createRun({ db, store, archive, log, metrics });
    expect(await run(async () => partsOf([], days), never)).toBe(0);
    expect(await run(async () => partsOf([], days), never)).toBe(1);
    expect(await left()).toEqual(['1', '2']);
  });

  it('deletes nothing if the archive fails, and everything when it works again', async () => {
    await insert(3);
    let fails = true;
    const archive: Archive = async (due) => {
      if (fails) throw new Error('no space left on device');
      return due;
    };
    const run = createRun({ db, store, archive, log, metrics });
    await expect(run(keep(1), never)).rejects.toThrow('no space left on device');
    expect(await left()).toHaveLength(3);
    expect(await findRetentionState(db)).toMatchObject({ deleted: 0, error: 'no space left on device' });
    fails = false;
    expect(await run(keep(1), never)).toBe(3);
  });
});

function start(options: Partial<Parameters<typeof startRetention>[0]> = {}) {
  const deps = { databaseUrl: database.url, db, store, log, metrics, defaultDays: undefined, intervalMs: 20 };
  const retention = startRetention({ ...deps, ...options });
  onTestFinished(() => retention.close());
  return retention;
}

describe('retention', () => {
  it('deletes nothing without rules, and follows a rule that is added', async () => {
    await insert(2);
    start();
    await setRetentionRule(db, { store: 'other', status: null, days: 1, updatedBy: 'x' });
    await expect.poll(() => metric('retention_last_success_timestamp_seconds'), LIMIT).toBeGreaterThan(0);
    expect(await left()).toEqual(['1', '2']);
    await setRetentionRule(db, { store: 's', status: 'processed', days: 1, updatedBy: 'x' });
    await expect.poll(left, LIMIT).toEqual([]);
  });

  it('does nothing while another worker holds the lock', async () => {
    await insert(2);
    let held = () => {};
    const waiting = new Promise<void>((resolve) => {
      held = resolve;
    });
    const lock = withSessionLock(database.url, { key: 20_261_127, name: 'test' }, () => waiting);
    await expect
      .poll(() => db.$queryRaw`SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 20261127`, LIMIT)
      .not.toEqual([]);
    let tries = 0;
    const counting = { ...metrics, failing: { set: () => void tries++ } as unknown as typeof metrics.failing };
    start({ defaultDays: 1, metrics: counting });
    await expect.poll(() => tries, LIMIT).toBeGreaterThan(2);
    expect(await left()).toEqual(['1', '2']);
    held();
    await lock;
    await expect.poll(left, LIMIT).toEqual([]);
  });

  it('reports a failure until a run has succeeded', async () => {
    await insert(2);
    let fails = true;
    const archive: Archive = async (due) => {
      if (fails) throw new Error('no space left on device');
      return due;
    };
    start({ defaultDays: 1, archive });
    await expect.poll(() => metric('retention_failing'), LIMIT).toBe(1);
    fails = false;
    await expect.poll(left, LIMIT).toEqual([]);
    await expect.poll(() => metric('retention_failing'), LIMIT).toBe(0);
  });
});
