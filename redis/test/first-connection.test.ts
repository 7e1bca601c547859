import pg from 'pg';
import { expect, it, vi } from 'vitest';
import { startTcpProxy } from '#test/harness/tcp-proxy.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { consumeAlerts, openAlertQueue } from '../queue.ts';
import { newJob } from './queue-fixture.ts';

const RECOVERY = { timeout: 150_000, interval: 50 };
const WAITING = `SELECT count(*)::int AS n FROM pg_locks JOIN pg_database d ON d.oid = database
  WHERE datname = current_database() AND NOT granted`;

// An unhandled error of the connection would end the process: Vitest reports it and fails.
it('a consumer survives that its connection ends while BullMQ checks the schema', async ({ onTestFinished }) => {
  const database = await createTestDatabase({ queue: true });
  onTestFinished(database.drop);
  const observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
  onTestFinished(() => observer.end());
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  onTestFinished(proxy.close);
  url.port = `${proxy.port}`;
  const errors: string[] = [];
  const received: string[] = [];

  await observer.query('BEGIN');
  await observer.query('LOCK TABLE bullmq.migration');
  const consumer = consumeAlerts(
    url.href,
    async ({ uuid }) => {
      received.push(uuid);
      return { kind: 'done' };
    },
    { concurrency: 1, onError: ({ message }) => errors.push(message) },
  );
  onTestFinished(() => consumer.close(0));
  await vi.waitFor(async () => expect((await observer.query(WAITING)).rows[0].n).toBe(1), RECOVERY);
  proxy.drop();
  await vi.waitFor(() => expect(errors.join()).toContain('Connection terminated unexpectedly'), RECOVERY);
  await observer.query('ROLLBACK');
  await proxy.accept();

  const queue = openAlertQueue(url.href, () => {});
  onTestFinished(() => queue.close());
  const job = newJob();
  await vi.waitFor(() => queue.enqueue(job), RECOVERY);
  await vi.waitFor(() => expect(received).toContain(job.uuid), RECOVERY);
});
