import { SATURATED } from './bench.ts';
import { measureLoad } from './measure.ts';
import { residentBytesOf } from './processes.ts';
import type { SoakResult } from './report.ts';
import type { BenchStack } from './stack.ts';
import type { ExpectedVideo } from './video-sets.ts';

const STEPS = 20;
const MIB = 1024 * 1024;

/** Sends `alerts` alerts through one stack, which keeps its rows, and measures its memory after each twentieth. */
export async function measureSoak(
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  { alerts, log, signal }: { alerts: number; log: (line: string) => void; signal: AbortSignal },
): Promise<SoakResult[]> {
  const results: SoakResult[] = [];
  const count = Math.ceil(alerts / STEPS);
  for (let step = 1; step <= STEPS; step += 1) {
    const load = await measureLoad(stack, videos, { count, pace: SATURATED, keepRows: true }, signal);
    const { processedPerS, wrong, missing } = load;
    const result = { alerts: count * step, processedPerS, wrong, missing, ...(await measureMemory(stack)) };
    results.push(result);
    const sizes = [result.apiMib, result.workerMib, result.redisMib ?? Number.NaN].map((mib) => mib.toFixed(1));
    log(`${result.alerts} alerts: api, worker, redis ${sizes.join(', ')} MiB, ${Math.round(processedPerS)}/s`);
  }
  return results;
}

async function measureMemory(stack: BenchStack): Promise<Pick<SoakResult, 'apiMib' | 'workerMib' | 'redisMib'>> {
  const [api, worker] = await Promise.all([residentBytesOf(stack.pids('api')), residentBytesOf(stack.pids('worker'))]);
  const redis = await readRedisBytes(stack);
  return { apiMib: api / MIB, workerMib: worker / MIB, redisMib: redis === null ? null : redis / MIB };
}

async function readRedisBytes({ redis }: BenchStack): Promise<number | null> {
  if (redis === undefined) return null;
  const used = /^used_memory:(\d+)/m.exec(await redis.send('INFO memory'))?.[1];
  if (used === undefined) throw new Error('INFO memory of redis has no used_memory');
  return Number(used);
}
