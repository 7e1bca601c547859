import { setTimeout as sleep } from 'node:timers/promises';
import { countUndelivered } from './observe.ts';
import type { ChaosStack } from './stack.ts';

/** Attempts follow each other in a few seconds at first. */
const FIRST_WAIT_MS = 15_000;
/** A send that was in progress ends within DELIVERY_TIMEOUT_MS. */
const IN_FLIGHT_MS = 9_000;
/** If no delivery is delivered for this long, the remaining ones will not be. One that is due within a minute stays so. */
const STALL_MS = 75_000;
const ROUNDS = 3;

/**
 * Waits until every delivery is delivered. The retries of a failed one are up to a day apart. So this does what an operator
 * does after an outage: retries what has failed for good, and disables and enables the destinations, which makes their
 * pending deliveries due. Returns how many were not delivered before.
 */
export async function deliverBacklog({ database, destinations }: ChaosStack, signal: AbortSignal): Promise<number> {
  const waitUntilDelivered = async (stallMs: number) => {
    let undelivered = await countUndelivered(database);
    for (let deadline = Date.now() + stallMs; undelivered > 0 && Date.now() < deadline; ) {
      await sleep(500, undefined, { signal });
      const now = await countUndelivered(database);
      if (now < undelivered) deadline = Date.now() + stallMs;
      undelivered = now;
    }
    return undelivered;
  };
  const before = await waitUntilDelivered(FIRST_WAIT_MS);
  for (let round = 0, left = before; left > 0 && round < ROUNDS; round += 1) {
    await destinations.retryFailed(signal);
    await Promise.all(destinations.all.map((each) => destinations.setEnabled(each, false, signal)));
    await sleep(IN_FLIGHT_MS, undefined, { signal });
    await Promise.all(destinations.all.map((each) => destinations.setEnabled(each, true, signal)));
    left = await waitUntilDelivered(STALL_MS);
  }
  return before;
}
