import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertQueue } from '#redis/queue.ts';
import type { Finding } from './checker.ts';
import { sendAlerts } from './client.ts';
import {
  DESTINATION_COUNT,
  durationRange,
  FAULTS,
  type FaultKind,
  faultSchedule,
  type Moment,
  type PlannedFault,
  type Target,
} from './faults.ts';
import type { History } from './history.ts';
import { injectFault, startInjector } from './injector.ts';
import { countUnfinished, readProgress } from './observe.ts';
import { faultsOfScenario, type Options } from './options.ts';
import { seededRandom } from './random.ts';
import type { ChaosStack } from './stack.ts';

export type Run = {
  stack: ChaosStack;
  history: History;
  options: Options;
  signal: AbortSignal;
  log: (line: string) => void;
};

/** The invariants that only this scenario checks, and its measurements by name. */
export type Outcome = { findings: Finding[]; measurements: Record<string, string | number> };

/** Runs the scenario that the options name. */
export function runScenario(run: Run): Promise<Outcome> {
  const { scenario } = run.options;
  if (scenario === 'flush') return flushQueue(run);
  if (scenario === 'rolling') return restartAll(run);
  if (scenario === 'outage') return stopFileServer(run);
  const kinds = faultsOfScenario(scenario);
  return kinds.length > 0 ? repeatFaults(run, kinds) : injectFaults(run);
}

/** Sends alerts at a steady rate while a seeded schedule of faults hits every component. */
async function injectFaults({ stack, history, options, signal }: Run): Promise<Outcome> {
  await startAll(stack, signal);
  const { seed, backend, pace } = options;
  const targets: Target[] = stack.destinations.all.length > 0 ? ['stack', 'destinations'] : ['stack'];
  const injectors = targets.map((target) =>
    startInjector(stack, faultSchedule(seed, backend, { pace, target }), history, signal),
  );
  try {
    const { apiOrigins } = stack;
    await sendAlerts({ apiOrigins, history, count: options.alerts, perSecond: options.rate }, signal);
  } finally {
    await Promise.all(injectors.map((injector) => injector.stop()));
  }
  const skipped = injectors.reduce((sum, injector) => sum + injector.skipped(), 0);
  return { findings: [], measurements: { 'faults skipped': skipped } };
}

const MOMENTS: Moment[] = ['claimed', 'recorded', 'delivering', 'picturing'];

/** Returns how often a fault has to be injected for all of its variants. */
function variantsOf(kind: FaultKind): number {
  const { component } = FAULTS[kind];
  if (component === 'worker') return MOMENTS.length;
  return component === 'destination' ? DESTINATION_COUNT : 2;
}

/** Time between two faults, in which the stack makes progress. */
const PROGRESS_MS = 6_000;

/** Sends alerts at a steady rate while each kind of fault is injected in all its variants, one after another. */
async function repeatFaults({ stack, history, options, signal, log }: Run, kinds: FaultKind[]): Promise<Outcome> {
  await startAll(stack, signal);
  const random = seededRandom(options.seed);
  let left = kinds.reduce((sum, kind) => sum + variantsOf(kind), 0);
  let sent = false;
  const { apiOrigins } = stack;
  const shouldContinue = () => left > 0;
  const sending = sendAlerts(
    { apiOrigins, history, count: options.alerts, perSecond: options.rate, shouldContinue },
    signal,
  ).finally(() => {
    sent = true;
  });
  sending.catch(() => {}); // reported below
  for (const kind of kinds) {
    const [min, max] = durationRange(kind, { alone: true });
    // The last kind is repeated until all alerts are sent.
    for (let done = 0; done < variantsOf(kind) || left <= 0; done += 1) {
      await sleep(PROGRESS_MS, undefined, { signal });
      if (sent) break;
      const durationMs = Math.round((min + random() * (max - min)) * 1_000);
      const moment = MOMENTS[done % MOMENTS.length] ?? 'claimed';
      const replica = done % 2 === 0 ? 0 : 1;
      await injectFault(stack, { kind, replica, destination: done, delayMs: 0, durationMs, moment }, history, signal);
      left -= 1;
      log(`${kind}: ${done + 1}`);
    }
  }
  await sending;
  return { findings: [], measurements: {} };
}

const RESTARTS = 20;

/** Sends alerts at a steady rate while apis and workers are restarted one after another, as in a deployment. */
async function restartAll({ stack, history, options, signal, log }: Run): Promise<Outcome> {
  await startAll(stack, signal);
  let done = 0;
  const { apiOrigins } = stack;
  const shouldContinue = () => done < RESTARTS;
  const sending = sendAlerts(
    { apiOrigins, history, count: options.alerts, perSecond: options.rate, shouldContinue },
    signal,
  );
  sending.catch(() => {}); // reported below
  for (; done < RESTARTS; done += 1) {
    const kind = done % 2 === 0 ? 'restart api' : 'restart worker';
    const replica = done % 4 < 2 ? 0 : 1;
    const fault: PlannedFault = { kind, replica, destination: 0, delayMs: 0, durationMs: 0, moment: 'claimed' };
    await injectFault(stack, fault, history, signal);
    log(`${kind}: ${done + 1} of ${RESTARTS}`);
  }
  await sending;
  return { findings: [], measurements: { 'rolling restarts': done } };
}

/** The limit of the time from the end of the outage until all alerts that were received before it are final. */
const BACKLOG_LIMIT_MS = 120_000;

/** Sends alerts at a steady rate; for ten twelfths of that time, the file server is down. */
async function stopFileServer({ stack, history, options, signal, log }: Run): Promise<Outcome> {
  await startAll(stack, signal);
  const { apiOrigins, fileServer, database } = stack;
  const { alerts, rate } = options;
  const twelfthMs = (alerts / rate / 12) * 1_000;
  let done = false;
  const shouldContinue = () => !done;
  const sending = sendAlerts(
    { apiOrigins, history, count: alerts, perSecond: rate, onlyValid: true, shouldContinue },
    signal,
  );
  sending.catch(() => {}); // reported below
  await sleep(twelfthMs, undefined, { signal });
  const outage: History['faults'][number] = {
    kind: 'kill file server',
    process: fileServer.processName(),
    from: Date.now(),
    to: Number.POSITIVE_INFINITY,
  };
  history.faults.push(outage);
  await fileServer.stop();
  await sleep(10 * twelfthMs, undefined, { signal });
  await fileServer.start(signal);
  outage.to = Date.now();
  const unfinished = () => countUnfinished(database, new Date(outage.to));
  const waiting = await unfinished();
  log(`the file server was down for ${outage.to - outage.from} ms: ${waiting} alerts wait`);
  while ((await unfinished()) > 0) await sleep(500, undefined, { signal });
  const durationMs = Date.now() - outage.to;
  done = true;
  await sending;
  const violations = durationMs > BACKLOG_LIMIT_MS ? [`it took ${durationMs} ms`] : [];
  return {
    findings: [{ invariant: 'the backlog of an outage is processed within 120 s', violations }],
    measurements: {
      'outage of the file server': `${outage.to - outage.from} ms`,
      'alerts that waited at its end': waiting,
      'from its end until they were final': `${durationMs} ms`,
    },
  };
}

const ENQUEUE_LIMIT_MS = 60_000;

/** Flushes the queue while every alert is pending, and only then starts the workers. */
async function flushQueue({ stack, history, options, signal, log }: Run): Promise<Outcome> {
  await Promise.all([...stack.apis, stack.fileServer].map((service) => service.start(signal)));
  await stack.destinations.create(signal);
  const { apiOrigins } = stack;
  await sendAlerts({ apiOrigins, history, count: options.alerts, perSecond: options.rate, onlyValid: true }, signal);
  const queue = stack.openQueue();
  try {
    const before = await queue.bull().getJobCountByTypes();
    const flushedAt = Date.now();
    await stack.flushQueue();
    const after = await queue.bull().getJobCountByTypes();
    log(`the queue had ${before} jobs and now has ${after}: starting the workers`);
    await Promise.all(stack.workers.map((worker) => worker.start(signal)));
    const durationMs = await waitUntilAllEnqueued(stack, queue, flushedAt, signal);
    const violations = durationMs > ENQUEUE_LIMIT_MS ? [`it took ${durationMs} ms`] : [];
    return {
      findings: [{ invariant: 'every alert of a flushed queue is enqueued again within 60 s', violations }],
      measurements: {
        'jobs before and after the flush': `${before}, ${after}`,
        'from the flush until all were enqueued again': `${durationMs} ms`,
      },
    };
  } finally {
    await queue.close();
  }
}

/** Returns the milliseconds from `since` until every row has a waiting job or has been claimed. */
async function waitUntilAllEnqueued(
  stack: ChaosStack,
  queue: AlertQueue,
  since: number,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    const waiting = await queue.bull().getJobCountByTypes('waiting', 'prioritized');
    // Read after the jobs: a job disappears only when its row is claimed.
    const { untouched } = await readProgress(stack.database);
    if (waiting >= untouched) return Date.now() - since;
    await sleep(500, undefined, { signal });
  }
}

async function startAll({ fileServer, workers, apis, destinations }: ChaosStack, signal: AbortSignal): Promise<void> {
  await Promise.all([fileServer, ...workers, ...apis].map((service) => service.start(signal)));
  await destinations.create(signal);
}
