import { seededRandom } from './random.ts';

export type Backend = 'redis' | 'postgres';

/** What a fault makes unavailable while it lasts. A flushed queue is reachable but empty. */
export type Component =
  | 'database'
  | 'queue'
  | 'change feed'
  | 'file server'
  | 'worker'
  | 'api'
  | 'destination'
  | 'media';

type FaultDefinition = {
  /** The affected component. Two faults on one component never overlap: they would only measure each other. */
  component: Component;
  /** The fault's share of all faults. */
  weight: Record<Backend, number>;
  /** The range of its duration in seconds, if the schedule decides it. */
  seconds?: readonly [number, number];
  /** The same for a scenario of this fault alone, if it must last longer to have its worst effect. */
  scenarioSeconds?: readonly [number, number];
};

const both = (weight: number) => ({ redis: weight, postgres: weight });
const onRedis = (weight: number) => ({ redis: weight, postgres: 0 });

// Most faults hit processes that exist twice. The database is unavailable for about a tenth of the time, so that the stack
// makes progress between faults.
export const FAULTS = {
  'kill worker': { component: 'worker', weight: both(16) },
  'restart worker': { component: 'worker', weight: both(8) },
  'pause worker': { component: 'worker', weight: both(8), seconds: [5, 20] },
  'block notifier': { component: 'worker', weight: both(4), seconds: [5, 15] },
  'kill api': { component: 'api', weight: both(12) },
  'restart api': { component: 'api', weight: both(8) },
  'kill file server': { component: 'file server', weight: both(6) },
  'kill redis': { component: 'queue', weight: onRedis(6) },
  'pause redis': { component: 'queue', weight: onRedis(4), seconds: [2, 10] },
  'disconnect redis clients': { component: 'queue', weight: onRedis(6) },
  'freeze queue': { component: 'queue', weight: onRedis(3), seconds: [3, 10] },
  'half-open queue': { component: 'queue', weight: onRedis(3), seconds: [3, 10] },
  'flush queue': { component: 'queue', weight: both(3) },
  'delete queue keys': { component: 'queue', weight: both(3), seconds: [1, 4] },
  'fill redis': { component: 'queue', weight: onRedis(3), seconds: [3, 12] },
  // The time from the copy to its restore.
  'restore redis': { component: 'queue', weight: onRedis(2), seconds: [3, 10] },
  'disconnect database clients': { component: 'database', weight: both(6) },
  'restart database': { component: 'database', weight: both(3) },
  'freeze database': { component: 'database', weight: both(2), seconds: [3, 10] },
  'half-open database': { component: 'database', weight: both(2), seconds: [3, 10] },
  // Longer than the client's timeout of 10 s; alone, long enough for as many claims of one alert as may crash.
  'lock table': { component: 'database', weight: both(1), seconds: [12, 25], scenarioSeconds: [60, 75] },
  'fail writes': { component: 'database', weight: both(2), seconds: [3, 12], scenarioSeconds: [35, 45] },
  'restore database': { component: 'database', weight: both(1) },
  'open transaction': { component: 'change feed', weight: both(3), seconds: [5, 20] },
  'kill decoder': { component: 'media', weight: both(4), seconds: [3, 10] },
  'deny media': { component: 'media', weight: both(3), seconds: [3, 12] },
  'stop receiver': { component: 'destination', weight: both(3), seconds: [5, 15] },
  'fail receiver': { component: 'destination', weight: both(2), seconds: [3, 10] },
  // A worker waits 8 s for a response.
  'stall receiver': { component: 'destination', weight: both(2), seconds: [10, 18] },
  'cut receiver': { component: 'destination', weight: both(2), seconds: [3, 10] },
  'disable destination': { component: 'destination', weight: both(2), seconds: [8, 20] },
} as const satisfies Record<string, FaultDefinition>;

export type FaultKind = keyof typeof FAULTS;

/**
 * The moment at which a worker is hit: between claim and record of an alert, between record and mark, between claim and
 * record of a delivery, or while it makes a picture.
 */
export type Moment = 'claimed' | 'recorded' | 'delivering' | 'picturing';

/**
 * A fault to inject after `delayMs`. `replica` chooses between the two apis or workers, or between two variants;
 * `destination` is an index; `moment` applies to workers only. A `durationMs` of 0 means until the fault itself is done.
 */
export type PlannedFault = {
  delayMs: number;
  kind: FaultKind;
  replica: 0 | 1;
  destination: number;
  durationMs: number;
  moment: Moment;
};

/** The time from record to mark is only a tenth of an attempt, but it carries the whole risk of a duplicate notification. */
const RECORDED_SHARE = 0.3;
const DELIVERING_SHARE = 0.3;
const PICTURING_SHARE = 0.15;

/**
 * Outages are so frequent that hardly any recovery ends before the next outage, and a recovery during an outage has no
 * guaranteed length. Periods with all faults therefore alternate with periods with process faults only.
 */
const PERIOD_MS = 30_000;

/** The number of destinations, unless the options say otherwise. */
export const DESTINATION_COUNT = 3;
/** A receiver needs some time between two faults, in which the pending deliveries arrive. */
const DESTINATION_PACE = 4;

/** Faults of the stack itself, or of its destinations. Both kinds are injected next to each other. */
export type Target = 'stack' | 'destinations';

/**
 * Yields faults without end: the same sequence for the same seed and backend. `pace` multiplies the time between them: a
 * process that takes long to start would otherwise hardly ever run.
 */
export function* faultSchedule(
  seed: number,
  backend: Backend,
  { pace = 1, target = 'stack' }: { pace?: number; target?: Target } = {},
): Generator<PlannedFault, never> {
  const random = seededRandom(seed);
  for (let elapsedMs = 0; ; ) {
    // Always five numbers per fault, used or not: a change to one fault never shifts the ones after it.
    const [delay, choice, replica, duration, moment] = [random(), random(), random(), random(), random()];
    const delayMs = Math.round((500 + delay * 2_500) * pace * (target === 'stack' ? 1 : DESTINATION_PACE));
    elapsedMs += delayMs;
    const onlyProcesses = Math.floor(elapsedMs / (PERIOD_MS * pace)) % 2 === 1;
    const kind = chooseFault(
      choice,
      backend,
      kindsOn(backend, target).filter((each) => !onlyProcesses || !isOutage(each)),
    );
    const [min, max] = durationRange(kind);
    yield {
      delayMs,
      kind,
      replica: replica < 0.5 ? 0 : 1,
      destination: Math.floor(moment * DESTINATION_COUNT),
      durationMs: Math.round((min + duration * (max - min)) * 1_000),
      moment: momentAt(moment),
    };
  }
}

function momentAt(position: number): Moment {
  if (position < RECORDED_SHARE) return 'recorded';
  if (position < RECORDED_SHARE + DELIVERING_SHARE) return 'delivering';
  return position < RECORDED_SHARE + DELIVERING_SHARE + PICTURING_SHARE ? 'picturing' : 'claimed';
}

/** Returns whether the fault makes the database or the queue unavailable, or empties the queue. */
export function isOutage(kind: FaultKind): boolean {
  const { component } = FAULTS[kind];
  return component === 'database' || component === 'queue';
}

/** Returns whether the fault makes the queue lose jobs, or the results of jobs, which the rows still have. */
export function losesJobs(kind: FaultKind): boolean {
  return kind === 'flush queue' || kind === 'delete queue keys' || kind === 'restore redis';
}

/** Returns the range of the fault's duration in seconds, or 0 if it ends by itself. `alone`: in a scenario of its own. */
export function durationRange(kind: FaultKind, { alone = false } = {}): readonly [number, number] {
  const { seconds = [0, 0], scenarioSeconds }: FaultDefinition = FAULTS[kind];
  return (alone ? scenarioSeconds : undefined) ?? seconds;
}

/** Returns all kinds that apply to a backend; with `target` only those of the stack, or of its destinations. */
export function kindsOn(backend: Backend, target?: Target): FaultKind[] {
  const kinds = Object.keys(FAULTS) as FaultKind[]; // Object.keys returns string[]
  return kinds
    .filter((kind) => FAULTS[kind].weight[backend] > 0)
    .filter((kind) => target === undefined || isOfDestinations(kind) === (target === 'destinations'));
}

/** Returns whether the fault hits a destination or its receiver. */
export function isOfDestinations(kind: FaultKind): boolean {
  return FAULTS[kind].component === 'destination';
}

/** Returns the kind at position `choice`, in [0, 1), of these kinds in proportion to their weights. */
function chooseFault(choice: number, backend: Backend, kinds: FaultKind[]): FaultKind {
  let remaining = choice * kinds.reduce((sum, kind) => sum + FAULTS[kind].weight[backend], 0);
  for (const kind of kinds) {
    remaining -= FAULTS[kind].weight[backend];
    if (remaining < 0) return kind;
  }
  throw new Error('all fault weights are 0');
}
