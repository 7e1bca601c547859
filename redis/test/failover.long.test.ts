import { expect, inject, it, onTestFinished } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { type RedisGroup, startRedisCluster, startRedisSentinels } from '#test/harness/redis-groups.ts';
import { startStack } from '#test/harness/stack.ts';
import { startSteadyLoad } from '#test/harness/steady-load.ts';

const PER_SECOND = 20;
/** Before the failure, and in all. */
const ALERTS_BEFORE = 100;
const ALERTS = 400;
const LIMITS = { timeout: 300_000, interval: 500 };

const GROUPS = { 'redis+sentinel': startRedisSentinels, 'redis+cluster': startRedisCluster };
const FAILURES: Record<string, (group: RedisGroup) => Promise<unknown>> = {
  'the primary is killed': async (group) => (await group.primary()).kill(),
  'the primary freezes': async (group) => (await group.primary()).service.pause(),
  'an operator replaces the primary': (group) => group.failover(),
};
const CASES = Object.keys(GROUPS).flatMap((kind) => Object.keys(FAILURES).map((failure) => [kind, failure] as const));

it.skipIf(inject('redisCommand') === null).each(CASES)(
  '%s://: loses no alert when %s',
  { timeout: 900_000 },
  async (kind, failure) => {
    const group = await GROUPS[kind as keyof typeof GROUPS](inject('redisCommand') ?? undefined);
    onTestFinished(group.stop);
    const stack = await startStack({ queueUrl: group.url, workers: 2 });
    onTestFinished(stack.close);
    const database = openDatabase(stack.databaseUrl, { poolSize: 2, onError: () => {} });
    onTestFinished(() => database.$disconnect());
    const before = await group.primary();

    const load = startSteadyLoad(stack.apiUrl, PER_SECOND);
    await expect.poll(() => load.accepted.size, LIMITS).toBeGreaterThan(ALERTS_BEFORE);
    const failedAt = new Date();
    await FAILURES[failure]?.(group);
    await expect.poll(() => load.accepted.size, LIMITS).toBeGreaterThan(ALERTS);
    await load.stop();

    const unfinished = async () => {
      const done = await database.alert.findMany({ where: { status: 'processed', notifiedAt: { not: null } } });
      const uuids = new Set(done.map(({ uuid }) => uuid));
      return [...load.accepted.keys()].filter((uuid) => !uuids.has(uuid));
    };
    await expect.poll(unfinished, LIMITS).toEqual([]);
    await expect.poll(async () => (await group.primary()).port, LIMITS).not.toBe(before.port);
    const [resumed] = await database.$queryRaw<[{ ms: number }]>`
      SELECT extract(epoch FROM min(processed_at) - ${failedAt}::timestamptz)::float8 * 1000 AS ms
      FROM alerts WHERE received_at > ${failedAt}`;
    process.stdout.write(`${kind}, ${failure}: results of new alerts after ${Math.round(resumed.ms)} ms\n`);

    // The page of the queue reads the new primary.
    const board = await stack.request('/queues/api/queues?activeQueue=alerts&status=completed');
    expect(board.status).toBe(200);
    const { queues } = (await board.json()) as { queues: { name: string; counts: Record<string, number> }[] };
    expect(queues.find(({ name }) => name === 'alerts')?.counts).toMatchObject({ active: 0, waiting: 0 });
  },
);
