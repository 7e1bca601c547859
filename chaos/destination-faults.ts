import { setTimeout as sleep } from 'node:timers/promises';
import type { Destination, Destinations } from './destinations.ts';
import type { FaultKind, PlannedFault } from './faults.ts';
import type { Behaviour } from './receivers.ts';

/** Injects a fault into a destination and reverts it. */
type Injection = (
  destinations: Destinations,
  destination: Destination,
  fault: PlannedFault,
  signal: AbortSignal,
) => Promise<void>;

/** The faults of destinations and their receivers. */
export const DESTINATION_INJECTIONS: Partial<Record<FaultKind, Injection>> = {
  async 'stop receiver'(_all, { receiver }, { durationMs }, signal) {
    await receiver.stop();
    await pause(durationMs, signal);
    await receiver.start();
  },
  /** `replica` chooses the response: 500, or 429 with Retry-After. */
  'fail receiver': (_all, destination, { replica, durationMs }, signal) =>
    behave(destination, replica === 0 ? 'error' : 'too many requests', durationMs, signal),
  async 'stall receiver'(_all, destination, { durationMs }, signal) {
    await behave(destination, 'stall', durationMs, signal);
    destination.receiver.cutConnections();
  },
  /** `replica` chooses whether the status arrives. */
  'cut receiver': (_all, destination, { replica, durationMs }, signal) =>
    behave(destination, replica === 0 ? 'cut header' : 'cut body', durationMs, signal),
  async 'disable destination'(all, destination, { durationMs }, signal) {
    await all.setEnabled(destination, false, signal);
    await pause(durationMs, signal);
    await all.setEnabled(destination, true, signal);
  },
};

async function behave({ receiver }: Destination, behaviour: Behaviour, ms: number, signal: AbortSignal): Promise<void> {
  receiver.behaviour = behaviour;
  await pause(ms, signal);
  receiver.behaviour = 'accept';
}

/** Resolves after the time, or at once when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
