import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, it, onTestFinished } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { type RedisGroup, startRedisCluster, startRedisSentinels } from '#test/harness/redis-groups.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';

const ALERTS = 400;
const PER_SECOND = 20;
/** The alert before which the primary fails. */
const FAILS_AT = 100;
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

    const failed = { at: new Date() };
    const uuids = await sendAlerts(stack, async () => {
      failed.at = new Date();
      await FAILURES[failure]?.(group);
    });

    const finished = () => database.alert.count({ where: { status: 'processed', notifiedAt: { not: null } } });
    await expect.poll(finished, LIMITS).toBe(ALERTS);
    expect(new Set(uuids).size).toBe(ALERTS);
    expect((await group.primary()).port).not.toBe(before.port);
    const [resumed] = await database.$queryRaw<[{ ms: number }]>`
      SELECT extract(epoch FROM min(processed_at) - ${failed.at}::timestamptz)::float8 * 1000 AS ms
      FROM alerts WHERE received_at > ${failed.at}`;
    process.stdout.write(`${kind}, ${failure}: results of new alerts after ${Math.round(resumed.ms)} ms\n`);

    // The page of the queue reads the new primary.
    const board = await stack.request('/queues/api/queues?activeQueue=alerts&status=completed');
    expect(board.status).toBe(200);
    const { queues } = (await board.json()) as { queues: { name: string; counts: Record<string, number> }[] };
    expect(queues.find(({ name }) => name === 'alerts')?.counts).toMatchObject({ active: 0, waiting: 0 });
  },
);

/** Sends all alerts at a steady rate, and calls `fail` in between. A response of 202 promises that the alert is not lost. */
async function sendAlerts(stack: Stack, fail: () => Promise<void>): Promise<string[]> {
  const startedAt = Date.now();
  const posts: Promise<string>[] = [];
  for (let index = 0; index < ALERTS; index += 1) {
    await sleep(Math.max(0, startedAt + (index * 1_000) / PER_SECOND - Date.now()));
    if (index === FAILS_AT) await fail();
    const post = stack.post({ video: '/videos/test_1.avi', store: `failover-${index % 10}` });
    post.catch(() => {}); // reported below
    posts.push(post);
  }
  return Promise.all(posts);
}
