import { setTimeout as sleep } from 'node:timers/promises';
import { isRedis, redisHostsOf } from '#redis/address.ts';
import { messageOnly } from '#redis/errors.ts';
import { openAlertQueue } from '#redis/queue.ts';

/** Long enough for a Redis that starts at the same time, and nobody waits longer than 2 s without an explanation. */
const NOTICE_MS = 1_500;
const LIMIT_MS = 30_000;
const RETRY_MS = 250;

/**
 * Resolves when the Redis of QUEUE_URL responds; at once if the queue is on PostgreSQL. Prints one line if that takes a
 * while, and throws the same sentence after `limitMs`. Neither contains the password.
 */
export async function waitForQueue(
  url: string,
  print: (line: string) => void,
  { noticeMs = NOTICE_MS, limitMs = LIMIT_MS } = {},
): Promise<void> {
  if (!isRedis(url)) return;
  let reason = 'no response';
  const queue = openAlertQueue(url, (error) => {
    reason = error.message;
  });
  const problem = () => `QUEUE_URL: Redis at ${redisHostsOf(url)} is unavailable (${reason}).`;
  const notice = setTimeout(() => print(`${problem()} Trying for ${limitMs / 1000} s.`), noticeMs);
  try {
    for (const deadline = Date.now() + limitMs; ; await sleep(RETRY_MS)) {
      const error = await queue.ping().catch(messageOnly);
      if (error === undefined) return;
      if (Date.now() >= deadline) throw new Error(`${problem()} Gave up after ${limitMs / 1000} s.`);
    }
  } finally {
    clearTimeout(notice);
    await queue.close();
  }
}
