import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPending, type Claim, claim, findAlert, recordResolution, release } from '../alerts.ts';
import { type Candidate, deleteAlert, deleteFinished, removeUnusedFiles } from '../delete-alerts.ts';
import { openDeliveryFixture, RESOLUTION } from './delivery-fixture.ts';

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
beforeAll(async () => {
  fixture = await openDeliveryFixture();
});
afterAll(() => fixture.close());

const sha = () => randomBytes(32).toString('hex');

/** Inserts a finished and notified alert with the file of a picture and of a copy; each column can be another SQL value. */
async function finished(columns: { picture?: string; status?: string; notified?: string } = {}) {
  const { picture = sha(), status = 'processed', notified = 'now()' } = columns;
  const [row] = await fixture.db.$queryRawUnsafe<[Candidate & { uuid: string }]>(
    `WITH alert AS (
       INSERT INTO alerts (uuid, video, store, timestamp, request_id, status, updated_at, notified_at)
       VALUES ($1::uuid, '/a.mp4', 's', 1, 'r', $2::alert_status, now(), ${notified}) RETURNING id, uuid, updated_at),
     pictured AS (INSERT INTO pictures (alert_id, status, sha256) SELECT id, 'ready', decode($3, 'hex') FROM alert),
     copied AS (INSERT INTO copies (alert_id, status, sha256) SELECT id, 'ready', decode($3, 'hex') FROM alert),
     linked AS (INSERT INTO link_versions (alert_id) SELECT id FROM alert),
     keyed AS (INSERT INTO retry_keys (alert_id, key) SELECT id, 'k' FROM alert),
     retried AS (INSERT INTO alert_rounds (alert_id, attempts, started_at, ended_at, failure_code, failure_detail)
       SELECT id, 1, now(), now(), 'video_timeout', '' FROM alert)
     SELECT id, uuid::text, updated_at AS "updatedAt" FROM alert`,
    ...[randomUUID(), status, picture],
  );
  return { ...row, picture };
}

const hold = (id: bigint) => fixture.db.$executeRaw`
  INSERT INTO holds (alert_id, reason, created_by, created_by_name) VALUES (${id}, 'police', 'k', 'key')`;

const exists = async (uuid: string) => (await findAlert(fixture.db, uuid)) !== null;

/** Returns the number of rows that belong to the alert, over all tables that refer to alerts. */
async function rowsOf(id: bigint): Promise<number> {
  const tables = await fixture.db.$queryRaw<{ name: string }[]>`
    SELECT conrelid::regclass::text AS name FROM pg_constraint WHERE contype = 'f' AND confrelid = 'alerts'::regclass`;
  const counts = tables.map(({ name }) =>
    fixture.db.$queryRawUnsafe<[{ n: number }]>(`SELECT count(*)::int AS n FROM ${name} WHERE alert_id = $1`, id),
  );
  return (await Promise.all(counts)).reduce((sum, [{ n }]) => sum + n, 0);
}

describe('deleteFinished', () => {
  it('deletes everything that belongs to the alerts, and returns their uuids and files', async () => {
    const destination = await fixture.destination();
    const alert = await finished();
    await fixture.db.$executeRaw`
      INSERT INTO deliveries (destination_id, alert_id, event, snapshot, status)
      VALUES (${destination.id}::uuid, ${alert.id}, 'alert.processed', '{}', 'delivered')`;
    expect(await rowsOf(alert.id)).toBe(6);
    expect(await deleteFinished(fixture.db, [alert])).toEqual({
      uuids: [alert.uuid],
      files: { picture: [alert.picture], copy: [alert.picture] },
    });
    expect(await exists(alert.uuid)).toBe(false);
    expect(await rowsOf(alert.id)).toBe(0);
    expect(await deleteFinished(fixture.db, [alert])).toEqual({ uuids: [], files: { picture: [], copy: [] } });
  });

  it('leaves alerts that are unfinished, not notified, changed, held or locked', async () => {
    const pending = await finished({ status: 'pending' });
    const processing = await finished({ status: 'processing' });
    const silent = await finished({ notified: 'NULL' });
    const changed = await finished();
    await fixture.db.$executeRaw`UPDATE alerts SET updated_at = updated_at + interval '1 ms' WHERE id = ${changed.id}`;
    const held = await finished();
    await hold(held.id);
    const locked = await finished();
    const other = await finished({ status: 'failed' });
    const client = new pg.Client({ connectionString: fixture.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM alerts WHERE id = $1 FOR UPDATE', [locked.id]);
    const all = [pending, processing, silent, changed, held, locked, other];
    expect((await deleteFinished(fixture.db, all)).uuids).toEqual([other.uuid]);
    await client.end();
  });

  it('leaves an alert that an enabled destination still has to be sent', async () => {
    const destination = await fixture.destination();
    const alert = await finished();
    await fixture.db.$executeRaw`
      INSERT INTO deliveries (destination_id, alert_id, event, snapshot)
      VALUES (${destination.id}::uuid, ${alert.id}, 'alert.processed', '{}')`;
    expect((await deleteFinished(fixture.db, [alert])).uuids).toEqual([]);
    await fixture.db.$executeRaw`UPDATE destinations SET enabled = false WHERE id = ${destination.id}::uuid`;
    expect((await deleteFinished(fixture.db, [alert])).uuids).toEqual([alert.uuid]);
  });
});

describe('deleteAlert', () => {
  it('deletes an alert in any state but processing, of these stores only', async () => {
    const { db } = fixture;
    const alert = await finished();
    expect(await deleteAlert(db, alert.uuid, ['other'])).toEqual({ kind: 'unknown' });
    expect(await deleteAlert(db, alert.uuid, ['s'])).toMatchObject({ kind: 'deleted', uuids: [alert.uuid] });
    expect(await deleteAlert(db, alert.uuid)).toEqual({ kind: 'unknown' });
    const pending = await finished({ status: 'pending', notified: 'NULL' });
    expect(await deleteAlert(db, pending.uuid)).toMatchObject({ kind: 'deleted' });
    const processing = await finished({ status: 'processing', notified: 'NULL' });
    expect(await deleteAlert(db, processing.uuid)).toEqual({ kind: 'processing' });
    expect(await exists(processing.uuid)).toBe(true);
  });

  it('deletes no held alert, however it races with the hold', async () => {
    const { db } = fixture;
    const held = await finished();
    await hold(held.id);
    expect(await deleteAlert(db, held.uuid)).toEqual({ kind: 'held' });
    const client = new pg.Client({ connectionString: fixture.url });
    await client.connect();
    const alert = await finished();
    await client.query('BEGIN');
    await client.query('SELECT FROM alerts WHERE id = $1 FOR UPDATE', [alert.id]);
    const deletion = deleteAlert(db, alert.uuid);
    await expect
      .poll(
        async () =>
          (await client.query('SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))'))
            .rowCount,
        { timeout: 150_000 },
      )
      .toBeGreaterThan(0);
    await client.query(`INSERT INTO holds (alert_id, reason, created_by, created_by_name) VALUES ($1, '', '', '')`, [
      alert.id,
    ]);
    await client.query('COMMIT');
    expect(await deletion).toEqual({ kind: 'held' });
    expect(await exists(alert.uuid)).toBe(true);
    await client.end();
  });

  it('lets the worker of a deleted alert change nothing', async () => {
    const { db } = fixture;
    const uuid = randomUUID();
    await addPending(db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
    const lease = { uuid, claim: claimsOf(await claim(db, uuid)) };
    expect(await release(db, lease, 0, { refund: false })).toBe(true);
    expect(await deleteAlert(db, uuid)).toMatchObject({ kind: 'deleted' });
    expect(await recordResolution(db, lease, RESOLUTION, 1)).toMatchObject({ recorded: false });
    expect(await claim(db, uuid)).toEqual({ kind: 'unknown' });
  });
});

const claimsOf = (claimed: Claim) => (claimed.kind === 'claimed' ? claimed.alert.claims : Number.NaN);

describe('removeUnusedFiles', () => {
  it('removes only files that no other alert has', async () => {
    const shared = sha();
    const other = await finished({ picture: shared });
    const alerts = [await finished({ picture: shared }), await finished()];
    const { files } = await deleteFinished(fixture.db, alerts);
    const removed: string[] = [];
    const store = { remove: async (kind: string, sha256: string) => void removed.push(`${kind} ${sha256}`) };
    expect(await removeUnusedFiles(fixture.db, store, files)).toBe(2);
    expect(removed).toEqual([`picture ${alerts[1]?.picture}`, `copy ${alerts[1]?.picture}`]);
    expect(await exists(other.uuid)).toBe(true);
  });
});
