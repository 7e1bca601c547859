import { randomUUID } from 'node:crypto';
import { waitFor } from '#test/harness/wait.ts';
import type { Attack, Target } from '../attack.ts';
import { highestCount } from '../database.ts';

// More than max_connections of both stacks.
const REQUESTS = 200;
const LOCKED_S = 20;
const BACKENDS = `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`;
const LOCKS = `SELECT count(*) FROM pg_locks
  WHERE relation = 'alerts'::regclass AND mode = 'AccessExclusiveLock' AND granted`;

async function post({ api, key }: Target): Promise<number> {
  const response = await fetch(`${api}/alerts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ uuid: randomUUID(), video: '/videos/test_1.avi', store: 'security', timestamp: 1 }),
    signal: AbortSignal.timeout(60_000),
  });
  await response.text();
  return response.status;
}

export const attack: Attack = {
  item: 7,
  name: `${REQUESTS} alerts while their table is locked`,
  limit: 'locks 7 s, statements 8 s; the connections of the pools; nginx tries another api after a 503',
  async run(target) {
    const max = Number(await target.sql('SHOW max_connections'));
    const lock = target.sql(
      `BEGIN; LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(${LOCKED_S}); ROLLBACK`,
    );
    lock.catch(() => {}); // awaited below
    await waitFor(async () => Number(await target.sql(LOCKS)) > 0, { timeoutMs: 30_000, what: 'the lock' });
    const sampled = highestCount(target, BACKENDS, LOCKED_S - 5);
    const statuses = await Promise.all(Array.from({ length: REQUESTS }, () => post(target)));
    const most = await sampled;
    await lock;
    const after = () =>
      post(target).then(
        (status) => status === 202,
        () => false,
      );
    await waitFor(after, { timeoutMs: 60_000, what: 'an accepted alert after the lock' });
    const count = (...expected: number[]) => statuses.filter((status) => expected.includes(status)).length;
    const others = [...new Set(statuses.filter((status) => ![202, 429, 503].includes(status)))];
    const observed = `${most} of ${max} connections; ${count(503)} times 503, ${count(429)} times 429, ${count(202)} times 202`;
    return {
      // A few connections are left for administrators. The nginx of compose may retry until the lock has ended.
      defended: most <= max - 10 && (count(503) > 0 || target.name === 'compose') && others.length === 0,
      observed: others.length === 0 ? observed : `${observed}; status ${others.join(', ')}`,
    };
  },
};
