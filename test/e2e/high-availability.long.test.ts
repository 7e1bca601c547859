import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { databaseUrlField } from '#config/database-url.ts';
import { migrate } from '#prisma/migrate.ts';
import { startPooledDatabase } from '#test/harness/pooled-database.ts';
import { type Node, startPostgresCluster } from '#test/harness/postgres-cluster.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { startRedisCluster, startRedisSentinels } from '#test/harness/redis-groups.ts';
import { type StackOptions, startStack } from '#test/harness/stack.ts';
import { startSteadyLoad } from '#test/harness/steady-load.ts';

// Every queue with every database, with a failure of each under load. The failures alone are in postgres-failover, read-replica
// and pgbouncer next to this file, and in redis/test/failover.

const PATIENTLY = { timeout: 240_000, interval: 250 };
const OPTIONS = { timeout: 600_000 };
const PER_SECOND = 20;
/** Alerts before, between and after the failures. */
const STEP = 40;

type Queue = { url: string; fail(): Promise<unknown> };
type Database = Pick<StackOptions, 'database' | 'env'> & {
  /** Makes it fail, and returns the server that is the primary afterwards. */
  fail(): Promise<Node>;
};

/** Undefined: in the database. */
const QUEUES: Record<string, (command: string) => Promise<Queue | undefined>> = {
  async Redis(command) {
    const server = await startRedisServer({ command });
    onTestFinished(server.stop);
    return { url: server.url, fail: () => server.send('CLIENT KILL TYPE normal') };
  },
  async Sentinel(command) {
    const group = await startRedisSentinels(command);
    onTestFinished(group.stop);
    return { url: group.url, fail: group.failover };
  },
  async Cluster(command) {
    const group = await startRedisCluster(command);
    onTestFinished(group.stop);
    return { url: group.url, fail: group.failover };
  },
  PostgreSQL: async () => undefined,
};

/** Undefined: PgBouncer is not installed. */
const DATABASES: Record<string, () => Promise<Database | undefined>> = {
  async PostgreSQL() {
    const { primary } = await startServers({ synchronous: false });
    return { database: { url: primary.url }, fail: () => disconnect(primary) };
  },
  async PgBouncer() {
    const pool = await startPooledDatabase(onTestFinished);
    if (pool === undefined) return undefined;
    const { server, pooled, direct } = pool;
    const env = { DATABASE_DIRECT_URL: direct };
    return { database: { url: server.url, urlFor: () => pooled }, env, fail: () => disconnect(server) };
  },
  async failover() {
    const { primary, standby } = await startServers({ synchronous: true });
    const given = `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/alerts`;
    return {
      database: { url: databaseUrlField.parse(given), urlFor: () => given },
      async fail() {
        await primary.kill();
        await standby.query('SELECT pg_promote(true, 60)');
        return standby;
      },
    };
  },
  async 'lagging replica'() {
    const { primary, standby } = await startServers({ synchronous: false });
    return {
      database: { url: primary.url },
      env: { DATABASE_REPLICA_URL: standby.url },
      async fail() {
        await standby.set('recovery_min_apply_delay', '1h');
        return primary;
      },
    };
  },
};

async function startServers(options: { synchronous: boolean }) {
  const { primary, standby, close } = await startPostgresCluster(options);
  onTestFinished(close);
  await migrate(primary.url);
  return { primary, standby };
}

async function disconnect(node: Node): Promise<Node> {
  await node.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  );
  return node;
}

const command = inject('redisCommand');

describe.each(Object.keys(QUEUES))('with the queue on %s', (queueName) => {
  it.skipIf(queueName !== 'PostgreSQL' && command === null).each(Object.keys(DATABASES))(
    'no accepted alert is lost, and lists have all of them: %s',
    OPTIONS,
    async (databaseName) => {
      const database = await DATABASES[databaseName]?.();
      if (database === undefined) return;
      const queue = await QUEUES[queueName]?.(command ?? '');
      const { env, ...rest } = database;
      const stack = await startStack({
        ...rest,
        // Without a URL of its own, the queue is in the database, past PgBouncer.
        ...(queue ? { queueUrl: queue.url, env: { ...env } } : { env: { ...env, QUEUE_URL: '' } }),
      });
      onTestFinished(stack.close);
      const load = startSteadyLoad(stack.apiUrl, PER_SECOND);
      const more = (count = load.accepted.size + STEP) =>
        expect.poll(() => load.accepted.size, PATIENTLY).toBeGreaterThan(count);
      await more();
      const primary = await database.fail();
      await more();
      await queue?.fail();
      await more();
      await load.stop();

      const missing = async () => {
        const rows = await primary.query<{ uuid: string }>(
          "SELECT uuid FROM alerts WHERE status = 'processed' AND notified_at IS NOT NULL",
        );
        const done = new Set(rows.map(({ uuid }) => uuid));
        return [...load.accepted.keys()].filter((uuid) => !done.has(uuid));
      };
      await expect.poll(missing, PATIENTLY).toEqual([]);
      const counts = async () => (await (await stack.request('/alerts/statistics')).json()) as object;
      await expect.poll(counts, PATIENTLY).toMatchObject({ counts: { processed: load.accepted.size } });
      process.stdout.write(
        `${queueName}, ${databaseName}: ${load.accepted.size} accepted, 0 lost, all notified; ` +
          `refused and sent again: ${JSON.stringify(Object.fromEntries(load.refusals))}\n`,
      );
    },
  );
});
