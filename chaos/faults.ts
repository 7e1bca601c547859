import { seededRandom } from './random.ts';

export type Backend = 'redis' | 'postgres';

/** What a fault makes unavailable while it lasts. A flushed queue is reachable but empty. */
export type Component = 'database' | 'queue' | 'file server' | 'worker' | 'api';

type FaultDefinition = {
  /** The affected component. Two faults on one component never overlap: they would only measure each other. */
  component: Component;
  /** The fault's share of all faults. */
  weight: Record<Backend, number>;
  /** The range of its duration in seconds, if the schedule decides it. */
  seconds?: readonly [number, number];
};

const both = (weight: number) => ({ redis: weight, postgres: weight });
const onRedis = (weight: number) => ({ redis: weight, postgres: 0 });

// Most faults hit processes that exist twice. The database is unavailable for about a tenth of the time, so that the stack
// makes progress between faults.
export const FAULTS = {
  'kill worker': { component: 'worker', weight: both(16) },
  'restart worker': { component: 'worker', weight: both(8) },
  'pause worker': { component: 'worker', weight: both(8), seconds: [5, 20] },
  'kill api': { component: 'api', weight: both(12) },
  'restart api': { component: 'api', weight: both(8) },
  'kill file server': { component: 'file server', weight: both(6) },
  'kill redis': { component: 'queue', weight: onRedis(6) },
  'pause redis': { component: 'queue', weight: onRedis(4), seconds: [2, 10] },
  'disconnect redis clients': { component: 'queue', weight: onRedis(6) },
  'freeze queue': { component: 'queue', weight: onRedis(3), seconds: [3, 10] },
  'half-open queue': { component: 'queue', weight: onRedis(3), seconds: [3, 10] },
  'flush queue': { component: 'queue', weight: both(5) },
  'disconnect database clients': { component: 'database', weight: both(6) },
  'restart database': { component: 'database', weight: both(3) },
  'freeze database': { component: 'database', weight: both(2), seconds: [3, 10] },
  'half-open database': { component: 'database', weight: both(2), seconds: [3, 10] },
} as const satisfies Record<string, FaultDefinition>;

export type FaultKind = keyof typeof FAULTS;

/** The moment in an attempt at which a worker is hit: between claim and record, or between record and mark. */
export type Moment = 'claimed' | 'recorded';

/**
 * A fault to inject after `delayMs`. `replica` chooses between the two apis or workers; `moment` applies to workers only.
 * A `durationMs` of 0 means until the fault itself is done.
 */
export type PlannedFault = {
  delayMs: number;
  kind: FaultKind;
  replica: 0 | 1;
  durationMs: number;
  moment: Moment;
};

/** The time from record to mark is only a tenth of an attempt, but it carries the whole risk of a duplicate notification. */
const RECORDED_SHARE = 0.3;

/**
 * Outages are so frequent that hardly any recovery ends before the next outage, and a recovery during an outage has no
 * guaranteed length. Periods with all faults therefore alternate with periods with process faults only.
 */
const PERIOD_MS = 30_000;

/** Yields faults without end: the same sequence for the same seed and backend. */
export function* faultSchedule(seed: number, backend: Backend): Generator<PlannedFault, never> {
  const random = seededRandom(seed);
  for (let elapsedMs = 0; ; ) {
    // Always five numbers per fault, used or not: a change to one fault never shifts the ones after it.
    const [delay, choice, replica, duration, moment] = [random(), random(), random(), random(), random()];
    const delayMs = Math.round(500 + delay * 2_500);
    elapsedMs += delayMs;
    const { kind, seconds } = chooseFault(choice, backend, Math.floor(elapsedMs / PERIOD_MS) % 2 === 1);
    yield {
      delayMs,
      kind,
      replica: replica < 0.5 ? 0 : 1,
      durationMs: seconds ? Math.round((seconds[0] + duration * (seconds[1] - seconds[0])) * 1_000) : 0,
      moment: moment < RECORDED_SHARE ? 'recorded' : 'claimed',
    };
  }
}

/** Returns whether the fault makes the database or the queue unavailable, or empties the queue. */
export function isOutage(kind: FaultKind): boolean {
  const { component } = FAULTS[kind];
  return component === 'database' || component === 'queue';
}

/** Returns the kind at position `choice`, in [0, 1), of all kinds in proportion to their weights. */
function chooseFault(
  choice: number,
  backend: Backend,
  onlyProcesses: boolean,
): Pick<PlannedFault, 'kind'> & Pick<FaultDefinition, 'seconds'> {
  const names = Object.keys(FAULTS) as FaultKind[]; // Object.keys returns string[]
  const kinds = names.filter((kind) => !onlyProcesses || !isOutage(kind));
  let remaining = choice * kinds.reduce((sum, kind) => sum + FAULTS[kind].weight[backend], 0);
  for (const kind of kinds) {
    const { weight, seconds }: FaultDefinition = FAULTS[kind];
    remaining -= weight[backend];
    if (remaining < 0) return { kind, ...(seconds && { seconds }) };
  }
  throw new Error('all fault weights are 0');
}
