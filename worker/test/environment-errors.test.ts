import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
let observer: pg.Client;
beforeEach(async () => {
  worker = await startTestWorker({ maxAttempts: 2 });
  observer = new pg.Client({ connectionString: worker.databaseUrl });
  await observer.connect();
});
afterEach(async () => {
  await observer.end();
  await worker.close();
});

describe('an error of the environment of the database', () => {
  it.each([
    ['40001', 'serialization failure'],
    ['40P01', 'deadlock'],
    ['53100', 'disk full'],
    ['53200', 'out of memory'],
    ['55P03', 'lock timeout'],
    ['57014', 'statement timeout'],
    ['58030', 'I/O error'],
  ])('%s (%s) uses up no attempt, and the alert is processed afterwards', async (code) => {
    await observer.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '${code}'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON alerts FOR EACH ROW WHEN (NEW.status = 'processed')
        EXECUTE FUNCTION refuse();`);
    const { uuid } = await worker.add('/right/h264.mp4');
    for (let delivery = 1; delivery <= 3; delivery += 1) {
      await expect(worker.handle(uuid)).rejects.toMatchObject({ name: 'DatabaseUnavailable' });
      expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 0 });
    }
    await observer.query('DROP TRIGGER refuse ON alerts');
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'processed', attempts: 1 });
  });

  it('is one that a locked table raises after lock_timeout', async () => {
    const { uuid } = await worker.add('/right/h264.mp4');
    const name = new URL(worker.databaseUrl).pathname.slice(1);
    await observer.query(`ALTER DATABASE "${name}" SET lock_timeout = '100ms'`);
    await observer.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    await observer.query('BEGIN');
    await observer.query('LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE');
    await expect(worker.handle(uuid)).rejects.toMatchObject({ name: 'DatabaseUnavailable' });
    await observer.query('COMMIT');
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'processed', attempts: 1 });
  });

  it('is not one that a constraint raises: it counts as an attempt', async () => {
    await observer.query(`ALTER TABLE alerts ADD CHECK (status <> 'processed')`);
    const { uuid } = await worker.add('/right/h264.mp4');
    expect(await worker.handle(uuid)).toMatchObject({
      kind: 'retry',
      reason: expect.stringMatching(/^internal error: /),
    });
    expect(worker.logged.at(-1)).toMatchObject({ err: { type: 'DatabaseError', code: '23514' } });
    expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 1 });
  });
});
