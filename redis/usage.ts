/** Of Redis, in bytes; a max of 0 means no limit. */
export type RedisMemory = { used: number; max: number };

/** How full the queue is. `depth`: jobs that wait for a worker, now or after a delay. */
export type QueueUsage = { depth: number; memory?: RedisMemory | undefined };

/**
 * Shares of Redis' memory. A full Redis can neither add jobs nor give them to workers, so it would never drain: jobs
 * are added up to these limits only, and the rest is left for taking and finishing them.
 */
export const MEMORY_LIMITS = {
  /** For jobs that can wait for space in their rows: of the reconciler and of an operator's retry. */
  background: 0.8,
  /** For new alerts. */
  newAlerts: 0.9,
};

/** Measured: 830 to 900 bytes per waiting job. */
const BYTES_PER_JOB = 1_000;

/** Returns how many jobs may be added to a queue with this usage. */
export function capacityOf({ depth, memory }: QueueUsage, limits: { maxDepth: number; memoryShare: number }): number {
  const free = memory && memory.max > 0 ? memory.max * limits.memoryShare - memory.used : Number.POSITIVE_INFINITY;
  return Math.max(0, Math.floor(Math.min(limits.maxDepth - depth, free / BYTES_PER_JOB)));
}

/** From this share on, Redis is so full that jobs are removed; down to the second share. */
const RELIEF = { from: 0.95, to: 0.85 };

/** Returns how many jobs to remove so that workers can continue, 0 below 95 % of the memory. */
export function excessJobs({ used, max }: RedisMemory): number {
  return max > 0 && used >= max * RELIEF.from ? Math.ceil((used - max * RELIEF.to) / BYTES_PER_JOB) : 0;
}
