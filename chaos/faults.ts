import { randomOf } from './random.ts';

export type Backend = 'redis' | 'postgres';

/** What a blow makes unavailable while it lasts. A flushed queue answers, but knows nothing. */
export type Away = 'database' | 'queue' | 'window' | 'worker' | 'api';

type Kind = {
  /** What is hit. Two blows at once on one thing would only measure each other. */
  on: Away;
  /** Its share of all blows. */
  weight: Record<Backend, number>;
  /** How long it lasts, in seconds, where the hand decides. */
  seconds?: readonly [number, number];
};

const both = (weight: number) => ({ redis: weight, postgres: weight });
const onRedis = (weight: number) => ({ redis: weight, postgres: 0 });

// Weights: most blows hit processes, of which there are two; the database is away for about a tenth of the time, so that
// the house goes on between the blows.
export const FAULTS = {
  'kill worker': { on: 'worker', weight: both(16) },
  'restart worker': { on: 'worker', weight: both(8) },
  'stop worker': { on: 'worker', weight: both(8), seconds: [5, 20] },
  'kill api': { on: 'api', weight: both(12) },
  'restart api': { on: 'api', weight: both(8) },
  'kill window': { on: 'window', weight: both(6) },
  'kill redis': { on: 'queue', weight: onRedis(6) },
  'stop redis': { on: 'queue', weight: onRedis(4), seconds: [2, 10] },
  'cut redis clients': { on: 'queue', weight: onRedis(6) },
  'stall queue': { on: 'queue', weight: onRedis(3), seconds: [3, 10] },
  'half-open queue': { on: 'queue', weight: onRedis(3), seconds: [3, 10] },
  'flush queue': { on: 'queue', weight: both(5) },
  'cut database clients': { on: 'database', weight: both(6) },
  'restart database': { on: 'database', weight: both(3) },
  'stall database': { on: 'database', weight: both(2), seconds: [3, 10] },
  'half-open database': { on: 'database', weight: both(2), seconds: [3, 10] },
} as const satisfies Record<string, Kind>;

export type FaultKind = keyof typeof FAULTS;

/** Where a worker is in one of its attempts: between claim and record, or between record and mark. */
export type Aim = 'claimed' | 'recorded';

/**
 * One thing that the hand will do: after `pauseMs`, to the first or second of a pair, for `forMs` (0: until done), to a
 * worker at the moment `aim`.
 */
export type Step = { pauseMs: number; kind: FaultKind; which: 0 | 1; forMs: number; aim: Aim };

/** Between record and mark lies a tenth of an attempt, and the whole risk of a notification given twice. */
const RECORDED_SHARE = 0.3;

/**
 * Outages come so often that hardly any recovery is over before the next one; and during one it has no promised length.
 * So spells of everything alternate with spells in which only processes are hit.
 */
const SPELL_MS = 30_000;

/** The hand's steps, without end: the same ones for the same seed and backend. */
export function* planOf(seed: number, backend: Backend): Generator<Step, never> {
  const random = randomOf(seed);
  for (let at = 0; ; ) {
    // Five numbers for each step, needed or not: one step never shifts the next.
    const [pause, chosen, which, lasting, aim] = [random(), random(), random(), random(), random()];
    const pauseMs = Math.round(500 + pause * 2_500);
    at += pauseMs;
    const { kind, seconds } = choose(chosen, backend, Math.floor(at / SPELL_MS) % 2 === 1);
    yield {
      pauseMs,
      kind,
      which: which < 0.5 ? 0 : 1,
      forMs: seconds ? Math.round((seconds[0] + lasting * (seconds[1] - seconds[0])) * 1_000) : 0,
      aim: aim < RECORDED_SHARE ? 'recorded' : 'claimed',
    };
  }
}

/** Whether it takes away the database or the queue, or all that the queue knows. */
export function isOutage(kind: FaultKind): boolean {
  const { on } = FAULTS[kind];
  return on === 'database' || on === 'queue';
}

/** The kind that lies at `chosen`, in [0, 1), of all weights put in a row. */
function choose(chosen: number, backend: Backend, onlyProcesses: boolean): Pick<Step, 'kind'> & Pick<Kind, 'seconds'> {
  const names = Object.keys(FAULTS) as FaultKind[]; // Object.keys widens them
  const kinds = names.filter((kind) => !onlyProcesses || !isOutage(kind));
  let left = chosen * kinds.reduce((sum, kind) => sum + FAULTS[kind].weight[backend], 0);
  for (const kind of kinds) {
    const { weight, seconds }: Kind = FAULTS[kind];
    left -= weight[backend];
    if (left < 0) return { kind, ...(seconds && { seconds }) };
  }
  throw new Error('no blow has any weight');
}
