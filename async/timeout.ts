export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`no response within ${ms} ms`);
    this.name = 'TimeoutError';
  }
}

/** Returns the promise's value. Throws TimeoutError after `ms`; the work behind the promise continues. */
export function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  return raceTimer(promise, ms, () => {
    throw new TimeoutError(ms);
  });
}

/** Returns the promise's value, or undefined after `ms`; the work behind the promise continues. */
export function waitAtMost<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return raceTimer<T | undefined>(promise, ms, () => undefined);
}

async function raceTimer<T>(promise: Promise<T>, ms: number, onTimeout: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  }).then(onTimeout);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
