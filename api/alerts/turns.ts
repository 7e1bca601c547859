import { setTimeout as sleep } from 'node:timers/promises';

const MAX_PAUSE_MS = 100;

/**
 * Returns a function that runs work one after the other, in the order of the calls. Each run is followed by a pause of the
 * same duration (at most 100 ms), so that a database that is slow already gets less of this work.
 */
export function createTurns(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let previous: Promise<unknown> = Promise.resolve();
  return (work) => {
    let startedAt = 0;
    const result = previous.then(() => {
      startedAt = performance.now();
      return work();
    });
    const pause = () => sleep(Math.min(performance.now() - startedAt, MAX_PAUSE_MS), undefined, { ref: false });
    previous = result.then(pause, pause);
    return result;
  };
}
