import { join } from 'node:path';
import { measureLoad } from './measure.ts';
import type { Options } from './options.ts';
import type { Comparison, LoadResult } from './report.ts';
import { type Backend, type BenchStack, type Opened, openStack } from './stack.ts';
import { median } from './statistics.ts';
import { type ExpectedVideo, SET_TITLES, type SetName, videosOf } from './video-sets.ts';

export type Bench = {
  options: Options;
  folder: string;
  searchPath: string;
  log: (line: string) => void;
  signal: AbortSignal;
};

/** Requests in flight when the maximum rate is measured. */
export const SATURATED = { kind: 'closed', inFlight: 64 } as const;
export const STEADY_PER_S = 300;
const IDLE_PER_S = 10;
const LATENCY_SECONDS = 5;
/** V8 compiles hot code within one or two seconds. */
const WARM_UP_SECONDS = 2;
const MIN_ALERTS = 20;

/** Starts a stack with its queue on the backend and adds what has to be closed to `opened`. */
export async function openBenchStack(bench: Bench, backend: Backend, opened: Opened): Promise<BenchStack> {
  const { options, folder, searchPath } = bench;
  const { settings, profile: profiles, destinations } = options;
  const videos = join(folder, 'videos');
  return openStack(
    { backend, folder: join(folder, backend), videos, searchPath, settings, profiles, destinations },
    opened,
  );
}

/** Measures every set of videos with each worker. */
export async function compareWorkers(bench: Bench, stack: BenchStack): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const workers: Comparison['worker'][] = bench.options.baseline ? ['current', 'baseline'] : ['current'];
  for (const worker of workers) {
    await stack.startWorker(worker);
    for (const set of bench.options.sets) comparisons.push(await measureSet(bench, stack, set, worker));
  }
  return comparisons;
}

async function measureSet(
  bench: Bench,
  stack: BenchStack,
  set: SetName,
  worker: Comparison['worker'],
): Promise<Comparison> {
  const { options, log, signal } = bench;
  const videos = videosOf(set);
  const title = `${stack.backend}, ${SET_TITLES[set]}, ${worker} worker`;
  const rate = await warmUp(stack, videos, Math.min(options.seconds, WARM_UP_SECONDS), signal);
  const count = options.alerts ?? Math.max(MIN_ALERTS, Math.round(rate * options.seconds));
  const runs: Omit<Comparison, 'backend' | 'set' | 'worker' | 'videoServer'>[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    log(`${title}: run ${run} of ${options.runs}, ${count} alerts`);
    const saturated = await measureLoad(stack, videos, { count, pace: SATURATED }, signal);
    const withLatencies = options.latency && worker === 'current';
    const latencies = withLatencies ? await measureLatencies(bench, stack, videos, saturated) : NO_LATENCIES;
    runs.push({ saturated, ...latencies });
    const { processedPerS, cpuMsPerAlertTotal, wrong, missing } = saturated;
    const errors = wrong + missing > 0 ? `, ${wrong + missing} WRONG OR MISSING` : '';
    log(`${title}: ${Math.round(processedPerS)}/s, ${cpuMsPerAlertTotal.toFixed(2)} ms${errors}`);
  }
  return { backend: stack.backend, set, worker, videoServer: stack.videoServer.kind, ...medianOf(runs) };
}

const NO_LATENCIES = { steady: null, half: null, idle: null, polled: null };

/** Returns approximately how many alerts are processed per second. */
async function warmUp(
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  const first = await measureLoad(stack, videos, { count: MIN_ALERTS, pace: SATURATED }, signal);
  const count = Math.max(MIN_ALERTS, Math.round(first.processedPerS * seconds));
  return (await measureLoad(stack, videos, { count, pace: SATURATED }, signal)).processedPerS;
}

async function measureLatencies(
  { options, signal }: Bench,
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  saturated: LoadResult,
) {
  const seconds = Math.min(options.seconds, LATENCY_SECONDS);
  const openLoad = (perSecond: number) => {
    const count = Math.max(MIN_ALERTS, Math.round(perSecond * seconds));
    return measureLoad(stack, videos, { count, pace: { kind: 'open', perSecond } }, signal);
  };
  return {
    steady: await openLoad(STEADY_PER_S),
    half: await openLoad(saturated.processedPerS / 2),
    idle: await openLoad(IDLE_PER_S),
    polled: await measureLoad(stack, videos, { count: MIN_ALERTS * 2, pace: { kind: 'sequential' } }, signal),
  };
}

/** Returns the median of each number, in the same structure. */
export function medianOf<T>(runs: readonly T[]): T {
  const [first] = runs;
  if (typeof first === 'number') return median(runs as readonly number[] as number[]) as T; // all have the first one's type
  if (typeof first !== 'object' || first === null) return first as T;
  const names = Object.keys(first) as (keyof T)[]; // its own
  return Object.fromEntries(names.map((name) => [name, medianOf(runs.map((run) => run[name]))])) as T;
}
