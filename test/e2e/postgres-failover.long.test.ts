import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { databaseUrlField } from '#config/database-url.ts';
import { migrate } from '#prisma/migrate.ts';
import { type Node, startPostgresCluster } from '#test/harness/postgres-cluster.ts';
import { type Backend, startStack } from '#test/harness/stack.ts';
import { startSteadyLoad } from '#test/harness/steady-load.ts';

const PATIENTLY = { timeout: 240_000, interval: 250 };
const OPTIONS = { timeout: 600_000 };
const PER_SECOND = 20;
const CHECK = "application_name = 'video-alerts server check'";

/** Starts the stack on two servers with synchronous replication, and sends alerts. */
async function startFixture(backend: Backend) {
  const cluster = await startPostgresCluster({ synchronous: true });
  onTestFinished(() => cluster.close());
  const hosts = [cluster.primary, cluster.standby].map(({ port }) => `127.0.0.1:${port}`).join(',');
  const given = `postgres://postgres@${hosts}/alerts?target_session_attrs=read-write`;
  const url = databaseUrlField.parse(given);
  await migrate(url);
  const stack = await startStack({ backend, database: { url, urlFor: () => given } });
  onTestFinished(() => stack.close());
  const load = startSteadyLoad(stack.apiUrl, PER_SECOND);
  await expect.poll(() => load.accepted.size, PATIENTLY).toBeGreaterThan(3 * PER_SECOND);
  await expect
    .poll(() => notified(cluster.primary).then(({ length }) => length), PATIENTLY)
    .toBeGreaterThan(PER_SECOND);
  return { ...cluster, load, apiUrl: stack.apiUrl };
}

async function notified(node: Node): Promise<string[]> {
  return (await node.query<{ uuid: string }>('SELECT uuid FROM alerts WHERE notified_at IS NOT NULL')).map(
    ({ uuid }) => uuid,
  );
}

const since = (start: number, at: number | undefined) =>
  at === undefined ? '?' : `${((at - start) / 1_000).toFixed(1)} s`;

describe.each<Backend>(['redis', 'postgres'])('with the queue on %s', (backend) => {
  const skip = backend === 'redis' && inject('redisUrl') === null;

  it.skipIf(skip).each(['kill', 'freeze'] as const)(
    'no accepted alert is lost when the primary is gone: %s',
    OPTIONS,
    async (how) => {
      const { primary, standby, load } = await startFixture(backend);
      const failedAt = Date.now();
      await primary[how]();
      await standby.query('SELECT pg_promote(true, 60)');
      const promotedAt = Date.now();
      const acceptedSince = () => [...load.accepted.values()].filter((at) => at > promotedAt);
      await expect.poll(() => acceptedSince().length, PATIENTLY).toBeGreaterThan(10 * PER_SECOND);
      const [first] = acceptedSince().sort((a, b) => a - b);
      await load.stop();
      const missing = async () => {
        const done = new Set(await notified(standby));
        return [...load.accepted.keys()].filter((uuid) => !done.has(uuid));
      };
      await expect.poll(missing, PATIENTLY).toEqual([]);
      const [row] = await standby.query<{ at: Date }>(
        `SELECT min(notified_at) AS at FROM alerts WHERE notified_at > to_timestamp(${promotedAt / 1_000})`,
      );
      process.stdout.write(
        `${backend}, ${how}: promoted after ${since(failedAt, promotedAt)}; after the promotion, the first alert was accepted after ` +
          `${since(promotedAt, first)} and notified after ${since(promotedAt, row?.at.getTime())}; ${load.accepted.size} accepted, 0 lost, ` +
          `refused and sent again: ${JSON.stringify(Object.fromEntries(load.refusals))}\n`,
      );
    },
  );

  it.skipIf(skip).each(['kill', 'freeze'] as const)(
    'a former primary that comes back as it was is not used: %s',
    OPTIONS,
    async (how) => {
      const { primary, standby, load, apiUrl } = await startFixture(backend);
      await load.stop();
      await primary[how]();
      await standby.query('SELECT pg_promote(true, 60)');
      const next = startSteadyLoad(apiUrl, PER_SECOND);
      await expect.poll(() => next.accepted.size, PATIENTLY).toBeGreaterThan(PER_SECOND);
      await (how === 'kill' ? primary.start() : primary.thaw());
      // Its state is read, it says that it accepts writes, and it is not used.
      const readers = () => primary.query(`SELECT 1 FROM pg_stat_activity WHERE ${CHECK} AND state = 'idle'`);
      await expect.poll(() => readers().then(({ length }) => length), PATIENTLY).toBeGreaterThan(0);
      const before = next.accepted.size;
      await expect.poll(() => next.accepted.size, PATIENTLY).toBeGreaterThan(before + 5 * PER_SECOND);
      await next.stop();
      const rows = await primary.query<{ uuid: string }>('SELECT uuid FROM alerts');
      const stored = new Set(rows.map(({ uuid }) => uuid));
      expect([...next.accepted.keys()].filter((uuid) => stored.has(uuid))).toEqual([]);
    },
  );
});
