import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { SATURATED } from '../bench.ts';
import { measureLoad } from '../measure.ts';
import type { LoadResult } from '../report.ts';
import type { BenchStack } from '../stack.ts';
import type { ExpectedVideo } from '../video-sets.ts';
import type { Configuration, Costs } from './model.ts';
import type { CapacityReport } from './report.ts';

/** V8 compiles hot code within one or two seconds. */
const WARM_UP_SECONDS = 2;
const FIRST_ALERTS = 20;
/** With fewer alerts, the cost of compiling and of idle processes would be measured. */
const MIN_ALERTS = 500;
/** One measurement must not store more than this, however fast the machine is. */
const MAX_ALERTS = 100_000;

export type CapacityLoad = {
  load: LoadResult;
  bytesPerAlert: CapacityReport['bytesPerAlert'];
  otherCores: number;
};

/** Starts the workers of a configuration, warms the processes up, and measures them at saturation. */
export async function measureConfiguration(
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  { apis, workers }: Configuration,
  { seconds, alerts, signal }: { seconds: number; alerts: number | undefined; signal: AbortSignal },
): Promise<CapacityLoad> {
  await stack.startWorker('current', workers);
  const measure = (count: number) =>
    measureLoad(stack, videos, { count, apis, pace: SATURATED, keepRows: true }, signal);
  const countFor = (rate: number, duration: number) => Math.min(MAX_ALERTS, Math.round(rate * duration));
  await stack.deleteAll();
  const first = await measure(FIRST_ALERTS);
  const warmUp = Math.max(FIRST_ALERTS, countFor(first.processedPerS, Math.min(seconds, WARM_UP_SECONDS)));
  const warm = await measure(Math.min(warmUp, alerts ?? warmUp));
  await stack.deleteAll();
  const count = alerts ?? Math.max(MIN_ALERTS, countFor(warm.processedPerS, seconds));
  const [bytesBefore, busyBefore, at] = [await readBytes(stack), busyMs(), performance.now()];
  const load = await measure(count);
  const ms = performance.now() - at;
  const bytesAfter = await readBytes(stack);
  const own = (load.cpuMsPerAlertTotal + load.driverCpuMsPerAlert) * count;
  const perAlert = (name: keyof typeof bytesAfter) => Math.max(0, bytesAfter[name] - bytesBefore[name]) / count;
  return {
    load,
    otherCores: Math.max(0, busyMs() - busyBefore - own) / ms,
    bytesPerAlert: {
      api: load.requestBytesPerAlert,
      worker: load.bytesPerAlert,
      postgres: perAlert('wal'),
      redis: perAlert('redis'),
      stored: perAlert('stored'),
    },
  };
}

/** Returns the costs that the model uses. */
export function costsOf({ cpuMsPerAlert, driverCpuMsPerAlert }: LoadResult): Costs {
  const { api, worker, postgres, redis, videoServer } = cpuMsPerAlert;
  return { api, worker, postgres, redis, rest: videoServer + driverCpuMsPerAlert };
}

/** Returns the bytes that the system can give to further processes. */
export async function readFreeBytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'latin1');
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** Returns the milliseconds that all cores together have been busy since the system started. */
function busyMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

async function readBytes({ database, redis }: BenchStack): Promise<{ wal: number; stored: number; redis: number }> {
  const [row] = await database.$queryRaw<{ wal: number; stored: number }[]>`
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal, pg_database_size(current_database())::float8 AS stored`;
  const info = redis ? await redis.send('INFO stats') : '';
  return {
    wal: row?.wal ?? 0,
    stored: row?.stored ?? 0,
    redis: Number(/^total_net_input_bytes:(\d+)/m.exec(info)?.[1] ?? 0),
  };
}
