/** The queue did not respond in time, or refused. Nothing is lost: the reconciler sends the jobs again from the rows. */
export class QueueUnavailable extends Error {
  readonly code = 'queue_unavailable';

  constructor(cause: unknown) {
    super('the queue is unavailable', { cause: messageOnly(cause) });
    this.name = 'QueueUnavailable';
  }
}

/** Returns an error with the message alone: ioredis attaches the command to its errors, AUTH with the password too. */
export function messageOnly(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  // A host name with several addresses fails with an AggregateError, whose message is empty.
  const code = 'code' in error ? String(error.code) : error.name;
  return new Error(error.message || code);
}
