import type { Logger } from 'pino';
import { QueueUnavailable } from '#redis/errors.ts';

export type Dispatch = 'queued' | 'deferred';

/**
 * Enqueues jobs whose rows are committed, so that an unavailable queue must not fail the request. Returns `deferred` in
 * that case: the worker's reconciler enqueues the jobs later. `fields` are added to the log line.
 */
export async function dispatch(log: Logger, fields: object, enqueue: () => Promise<unknown>): Promise<Dispatch> {
  try {
    await enqueue();
    return 'queued';
  } catch (error) {
    if (!(error instanceof QueueUnavailable)) throw error;
    log.warn({ ...fields, err: error }, 'enqueue deferred: queue unavailable');
    return 'deferred';
  }
}
