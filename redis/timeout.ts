import { setTimeout as sleep } from 'node:timers/promises';

// 3 s: longer than a busy server's pause, short enough for the request that waits behind it.
export const QUEUE_TIMEOUT_MS = 3_000;

/** The queue did not take or tell something in time. Nothing is lost: the rows know what to send again. */
export class QueueUnavailable extends Error {
  readonly code = 'queue_unavailable';

  constructor(cause: unknown) {
    super('the queue does not answer', { cause: bare(cause) });
    this.name = 'QueueUnavailable';
  }
}

/** Waits for the promise, at most so long. */
export async function within(ms: number, promise: Promise<void>): Promise<void> {
  const settled = new AbortController();
  const late = sleep(ms, undefined, { signal: settled.signal }).catch(() => {}); // settled first
  await Promise.race([promise.finally(() => settled.abort()), late]);
}

/** The text alone: ioredis hangs the command on its errors, for AUTH with the password. */
export function bare(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  // A name with several addresses fails with an AggregateError, whose message is empty.
  const code = 'code' in error ? String(error.code) : error.name;
  return new Error(error.message || code);
}

/** The promise's value, or QueueUnavailable when it fails or takes over 3 s. */
export async function withQueueTimeout<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${QUEUE_TIMEOUT_MS} ms`)), QUEUE_TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    throw new QueueUnavailable(error);
  } finally {
    clearTimeout(timer);
  }
}
