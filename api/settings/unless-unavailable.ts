import { DatabaseUnavailable } from '#prisma/errors.ts';
import { QueueUnavailable } from '#redis/errors.ts';

/** Returns the result, or null if the database or the queue is unavailable: the state of these is shown next to it. */
export function unlessUnavailable<Result>(work: Promise<Result>): Promise<Result | null> {
  return work.catch((error: unknown) => {
    if (error instanceof DatabaseUnavailable || error instanceof QueueUnavailable) return null;
    throw error;
  });
}
