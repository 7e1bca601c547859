import { join } from 'node:path';
import { measureFlow } from './measure.ts';
import type { Options } from './options.ts';
import type { Flow, Measured } from './report.ts';
import { type Backend, type Opened, openStack, type Stack, type WorkerKind } from './stack.ts';
import { median } from './statistics.ts';
import { SET_TITLES, type SetName, type Truth, truthsOf } from './video-sets.ts';

export type Bench = {
  options: Options;
  folder: string;
  searchPath: string;
  say: (line: string) => void;
  signal: AbortSignal;
};

/** Requests on the way at once when the maximum is sought. */
export const IN_FLIGHT = 64;
export const POSTS_PER_S = 300;
const LONE_PER_S = 10;
const LATENCY_SECONDS = 5;
/** V8 compiles what is hot within a second or two. */
const WARM_SECONDS = 2;
const FEWEST = 20;

/** Opens a house on the backend and leaves what is to be closed in `opened`. */
export async function openBenchStack(bench: Bench, backend: Backend, opened: Opened): Promise<Stack> {
  const { options, folder } = bench;
  const { settings, profile: profiles } = options;
  return openStack(
    { backend, folder: join(folder, backend), videos: join(folder, 'videos'), settings, profiles },
    opened,
  );
}

/** Measures every set in the house, by each worker. */
export async function measureSets(bench: Bench, house: Stack): Promise<Measured[]> {
  const measured: Measured[] = [];
  const workers: WorkerKind[] = bench.options.baseline ? ['ours', 'baseline'] : ['ours'];
  for (const worker of workers) {
    await house.employ(worker);
    for (const set of bench.options.sets) measured.push(await measureSet(bench, house, set, worker));
  }
  return measured;
}

async function measureSet(bench: Bench, house: Stack, set: SetName, worker: WorkerKind): Promise<Measured> {
  const { options, say, signal } = bench;
  const truths = truthsOf(set);
  const title = `${house.backend}, ${SET_TITLES[set]}, ${worker}`;
  const rate = await warmUp(house, truths, Math.min(options.seconds, WARM_SECONDS), signal);
  const count = options.alerts ?? Math.max(FEWEST, Math.round(rate * options.seconds));
  const runs: Omit<Measured, 'backend' | 'set' | 'worker' | 'videoServer'>[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    say(`${title}: run ${run} of ${options.runs}, ${count} alerts`);
    const most = await measureFlow(house, truths, { count, pace: { kind: 'closed', inFlight: IN_FLIGHT } }, signal);
    const latencies = options.latency && worker === 'ours' ? await measureLatencies(bench, house, truths, most) : NONE;
    runs.push({ most, ...latencies });
    say(`${title}: ${Math.round(most.processedPerS)}/s, ${most.cpuMsPerAlertInAll.toFixed(2)} ms`);
  }
  return { backend: house.backend, set, worker, videoServer: house.videoServer.kind, ...medianOf(runs) };
}

const NONE = { steady: null, half: null, lone: null, asked: null };

/** Returns roughly how many alerts are processed in a second. */
async function warmUp(house: Stack, truths: readonly Truth[], seconds: number, signal: AbortSignal): Promise<number> {
  const pace = { kind: 'closed', inFlight: IN_FLIGHT } as const;
  const first = await measureFlow(house, truths, { count: FEWEST, pace }, signal);
  const count = Math.max(FEWEST, Math.round(first.processedPerS * seconds));
  return (await measureFlow(house, truths, { count, pace }, signal)).processedPerS;
}

async function measureLatencies({ options, signal }: Bench, house: Stack, truths: readonly Truth[], most: Flow) {
  const seconds = Math.min(options.seconds, LATENCY_SECONDS);
  const open = (perSecond: number, forSeconds: number) => {
    const count = Math.max(FEWEST, Math.round(perSecond * forSeconds));
    return measureFlow(house, truths, { count, pace: { kind: 'open', perSecond } }, signal);
  };
  return {
    steady: await open(POSTS_PER_S, seconds),
    half: await open(most.processedPerS / 2, seconds),
    lone: await open(LONE_PER_S, seconds),
    asked: await measureFlow(house, truths, { count: FEWEST * 2, pace: { kind: 'lone' } }, signal),
  };
}

/** The same shape, with the median of each number. */
export function medianOf<T>(runs: readonly T[]): T {
  const [first] = runs;
  if (typeof first === 'number') return median(runs as readonly number[] as number[]) as T; // all have the first one's type
  if (typeof first !== 'object' || first === null) return first as T;
  const names = Object.keys(first) as (keyof T)[]; // its own
  return Object.fromEntries(names.map((name) => [name, medianOf(runs.map((run) => run[name]))])) as T;
}
