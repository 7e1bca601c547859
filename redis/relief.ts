import type { Queue } from 'bullmq';
import type { RedisClient } from './connection.ts';

/** Jobs per script: Redis runs nothing else during it, about 5 ms. */
const JOBS_PER_SCRIPT = 1_000;
const MAX_SCRIPTS = 20;

/**
 * Deletes, of BullMQ's keys, what is kept for Bull Board, then the waiting jobs that would start last: of the
 * busiest stores, then the newest of all stores; then those with the longest delay. Deleting is allowed when Redis is full. KEYS: prefix. ARGV: number of jobs. Returns the number of jobs deleted that had
 * not finished.
 */
const SCRIPT = `
local prefix, count = KEYS[1], tonumber(ARGV[1])
local call = redis.call
local function delete(ids)
  for _, id in ipairs(ids) do call('DEL', prefix .. id, prefix .. id .. ':logs') end
  return #ids
end
call('XTRIM', prefix .. 'events', 'MAXLEN', 0)
for _, name in ipairs({ 'completed', 'failed' }) do
  delete(call('ZRANGE', prefix .. name, 0, 999))
  call('ZREMRANGEBYRANK', prefix .. name, 0, 999)
end
local removed = 0
local function deleteLast(name)
  local rest = count - removed
  if rest == 0 then return end
  removed = removed + delete(call('ZRANGE', prefix .. name, -rest, -1))
  call('ZREMRANGEBYRANK', prefix .. name, -rest, -1)
end
deleteLast('prioritized')
local rest = count - removed
if rest > 0 then
  removed = removed + delete(call('LRANGE', prefix .. 'wait', 0, rest - 1))
  call('LTRIM', prefix .. 'wait', rest, -1)
end
deleteLast('delayed')
return removed`;

/** Removes this many jobs from a full Redis, so that workers can take the others. Returns the number removed. */
export async function removeNewestJobs(
  client: RedisClient,
  queue: Pick<Queue, 'toKey'>,
  count: number,
): Promise<number> {
  let removed = 0;
  for (let script = 0; script < MAX_SCRIPTS && removed < count; script += 1) {
    const batch = Math.min(count - removed, JOBS_PER_SCRIPT);
    const deleted = Number(await client.eval(SCRIPT, 1, queue.toKey(''), batch));
    removed += deleted;
    if (deleted < batch) break;
  }
  return removed;
}
