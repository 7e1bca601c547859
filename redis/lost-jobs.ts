/**
 * A job to look for. `latestStart`: the latest time, in epoch milliseconds, until which it may be delayed; a longer delay
 * was set by a mistake or by an attacker, and would silence its alert.
 */
export type WantedJob = { id: string; latestStart: number };

/**
 * Returns the ids of the jobs that no worker will receive: they do not exist, are finished, are delayed for too long, are
 * in a state that this system never uses, or are incomplete because some of their keys were deleted. With `remove`, deletes
 * what is left of them, so that they can be added.
 */
export type FindLostJobs = (jobs: WantedJob[], options: { remove: boolean }) => Promise<Set<string>>;

/** Longer than a worker's lock lasts without being extended. A lock that lasts longer is not a worker's. */
export const MAX_LOCK_MS = 60_000;
