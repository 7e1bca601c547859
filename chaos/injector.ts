import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { waitForRedis } from '#test/harness/redis.ts';
import type { Service } from '#test/harness/service.ts';
import { DESTINATION_INJECTIONS } from './destination-faults.ts';
import type { Destination } from './destinations.ts';
import { FAULTS, type Moment, type PlannedFault } from './faults.ts';
import type { History } from './history.ts';
import { INJECTIONS, sleepOrAbort } from './injections.ts';
import { isAtMoment } from './observe.ts';
import { decodersOf } from './picture-faults.ts';
import type { ChaosStack } from './stack.ts';

export type Injector = {
  /** Returns how many faults were skipped because the previous one on the same target was still active. */
  skipped(): number;
  /** Injects no more faults. Resolves when everything runs again; rejects if a fault could not be injected or reverted. */
  stop(): Promise<void>;
};

/** Injects the scheduled faults and records each in the history. */
export function startInjector(
  stack: ChaosStack,
  schedule: Iterator<PlannedFault>,
  history: History,
  signal: AbortSignal,
): Injector {
  const stopping = new AbortController();
  const active = new Map<string, Promise<void>>();
  const errors: unknown[] = [];
  let skipped = 0;
  const injectAll = async () => {
    for (;;) {
      const fault: PlannedFault = schedule.next().value;
      await sleep(fault.delayMs, undefined, { signal: AbortSignal.any([signal, stopping.signal]) });
      const target = targetOf(stack, fault);
      if (active.has(target)) {
        skipped += 1;
        continue;
      }
      const injection = injectFault(stack, fault, history, signal)
        .catch((error: unknown) => void errors.push(error))
        .finally(() => active.delete(target));
      active.set(target, injection);
    }
  };
  const injecting = injectAll().catch((error: unknown) => {
    if (!signal.aborted && !stopping.signal.aborted) errors.push(error);
  });
  return {
    skipped: () => skipped,
    async stop() {
      stopping.abort();
      await injecting;
      await Promise.all(active.values());
      if (errors.length > 0) throw new AggregateError(errors, `the fault injector failed: ${errors.join('; ')}`);
    },
  };
}

/** Returns a name for what the fault hits. Faults on one target never overlap. */
function targetOf(stack: ChaosStack, fault: PlannedFault): string {
  const { kind, replica } = fault;
  const { component } = FAULTS[kind];
  if (component === 'destination') return `destination ${destinationOf(stack, fault)?.filter.name}`;
  if (component === 'worker' || component === 'api') return `${component}-${replica}`;
  return component === 'queue' && stack.backend === 'postgres' ? 'database' : component;
}

/** Injects one fault; resolves when what it hit runs again. */
export async function injectFault(
  stack: ChaosStack,
  planned: PlannedFault,
  history: History,
  signal: AbortSignal,
): Promise<void> {
  const service = serviceOf(stack, planned);
  const destination = destinationOf(stack, planned);
  // `to` is infinite until the fault ends, so that everything that happens during it falls between `from` and `to`.
  const fault = {
    kind: planned.kind,
    process: service?.processName() ?? destination?.filter.name,
    from: Date.now(),
    to: Number.POSITIVE_INFINITY,
  };
  history.faults.push(fault);
  try {
    if (service && (planned.kind === 'kill worker' || planned.kind === 'pause worker')) {
      await pauseAtMoment(planned.moment, stack, service);
      fault.from = Date.now();
    }
    if (service) await hitService(service, planned, signal);
    else if (destination) await hitDestination(destination, stack, planned, signal);
    else await INJECTIONS[planned.kind]?.(stack, planned, signal);
  } finally {
    fault.to = Date.now();
  }
  if (!service) return;
  await service.start(signal);
  const { redis, fileServer } = stack;
  if (redis && service === redis.service) await waitForRedis(redis.port);
  // These run only once: they are unavailable until their successor is ready.
  if (service === redis?.service || service === fileServer) fault.to = Date.now();
}

function serviceOf(stack: ChaosStack, { kind, replica }: PlannedFault): Service | undefined {
  if (kind === 'kill redis' || kind === 'pause redis') return stack.redis?.service;
  if (kind === 'kill file server') return stack.fileServer;
  const { component } = FAULTS[kind];
  return component === 'worker' ? stack.workers[replica] : component === 'api' ? stack.apis[replica] : undefined;
}

/** Returns the destination that the fault hits, if it hits one. */
function destinationOf({ destinations }: ChaosStack, { kind, destination }: PlannedFault): Destination | undefined {
  if (FAULTS[kind].component !== 'destination') return undefined;
  return destinations.all[destination % destinations.all.length];
}

async function hitDestination(
  destination: Destination,
  { destinations }: ChaosStack,
  planned: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  await DESTINATION_INJECTIONS[planned.kind]?.(destinations, destination, planned, signal);
}

async function hitService(service: Service, { kind, durationMs }: PlannedFault, signal: AbortSignal): Promise<void> {
  if (kind.startsWith('kill ')) {
    await service.kill();
  } else if (kind.startsWith('pause ')) {
    service.pause();
    await sleepOrAbort(durationMs, signal);
    service.resume();
  } else if (kind === 'block notifier') {
    await blockOutput(service, durationMs, signal);
  } else {
    await service.terminate();
  }
}

/** Stops reading the worker's output, as a log collector does that hangs: its notifications wait. */
async function blockOutput({ process }: Service, durationMs: number, signal: AbortSignal): Promise<void> {
  await process?.outputPipe?.block();
  await sleepOrAbort(durationMs, signal);
  process?.outputPipe?.unblock();
}

const MOMENT_TIMEOUT_MS = 3_000;
/** Steps about as long as an attempt, and pauses long enough for everything the worker sent to be committed. */
const RUN_MS = 20;
const PAUSE_MS = 10;

/**
 * Pauses the worker at the moment, or after 3 s. An attempt takes about 30 ms, so a kill at a random time would usually hit
 * an idle worker. The worker runs in short steps until a pause falls on the moment.
 */
async function pauseAtMoment(wanted: Moment, { database, destinations }: ChaosStack, worker: Service): Promise<void> {
  const moment = wanted === 'delivering' && destinations.all.length === 0 ? 'claimed' : wanted;
  for (const deadline = Date.now() + MOMENT_TIMEOUT_MS; ; await sleep(RUN_MS)) {
    worker.pause();
    await sleep(PAUSE_MS);
    if ((await isAtMomentNow(moment, database, worker)) || Date.now() > deadline) return;
    worker.resume();
  }
}

async function isAtMomentNow(moment: Moment, database: ChaosStack['database'], worker: Service): Promise<boolean> {
  try {
    if (moment === 'picturing') return (await decodersOf(worker.pid())).length > 0;
    return await isAtMoment(moment, database, worker.processName());
  } catch (error) {
    if (error instanceof DatabaseUnavailable) return true; // it is being restarted: a useful moment, too
    throw error;
  }
}
