import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { DriverResult } from '../driver.ts';
import { residentBytesOf } from '../processes.ts';
import { countMismatches, type FinalRow, readFinalRows, waitUntilNotified } from '../rows.ts';
import { type BenchStack, SERVICES } from '../stack.ts';
import { percentile } from '../statistics.ts';
import { runDriver } from '../subprocess.ts';
import type { ExpectedVideo } from '../video-sets.ts';
import { type Camera, type DayAlert, HOURS, planDay } from './day.ts';

const MIB = 1024 * 1024;
const BROKEN = 'broken.mp4';
const WARM_UP = { count: 500, pace: { kind: 'closed', inFlight: 16 } } as const;

const amount = z.number().nonnegative();
const count = z.int().nonnegative();
const memory = z.strictObject({ api: amount, worker: amount, postgres: amount, redis: amount, videoServer: amount });

export const simulationSchema = z.strictObject({
  stores: count,
  alerts: count,
  seconds: amount,
  seed: count,
  failing: count,
  hours: z.array(
    z.strictObject({
      hour: count,
      alerts: count,
      /** From the due time of a request to the commit of the result, of working cameras. */
      p50Ms: amount.nullable(),
      p95Ms: amount.nullable(),
      /** Median wait of stores in a burst, divided by that of the others; null: no burst in this hour. */
      busyToQuiet: amount.nullable(),
      /** Resident at the end of the hour; shared pages count for each process. */
      memoryMib: memory.nullable(),
    }),
  ),
  /** The largest of the hours; null: no burst. */
  largestBusyToQuiet: amount.nullable(),
  wrong: count,
  missing: count,
  refused: count,
});
export type Simulation = z.infer<typeof simulationSchema>;
type Hour = Simulation['hours'][number];
type Memory = NonNullable<Hour['memoryMib']>;

/** Writes the file of the broken cameras into the folder of videos. */
export async function prepareBrokenVideo(videos: string): Promise<void> {
  await writeFile(join(videos, BROKEN), 'This is not a video.\n'.repeat(1_000));
}

/** Sends the alerts of a simulated day and measures latencies, memory and fairness of each hour. */
export async function simulateDay(
  stack: BenchStack,
  video: ExpectedVideo,
  options: { stores: number; alerts: number; seconds: number; seed: number },
  signal: AbortSignal,
): Promise<Simulation> {
  await stack.startWorker('current');
  const day = planDay(options);
  const expected: Record<Camera, { path: string; resolution: string | null }> = {
    working: video,
    missing: { path: '/videos/missing.mp4', resolution: null },
    broken: { path: `/videos/${BROKEN}`, resolution: null },
  };
  const prefix = `day ${randomUUID()}`;
  const nameOf = (store: number) => `${prefix} ${store}`;
  const { apiPorts: ports } = stack;
  await runDriver({ ...WARM_UP, ports, videos: [video.path], stores: [`${prefix} warm-up`], headers: [] }, signal);
  const memory = sampleMemory(stack, (options.seconds * 1000) / HOURS, signal);
  const driver = await runDriver(
    {
      ports,
      videos: day.map(({ camera }) => expected[camera].path),
      stores: day.map(({ store }) => nameOf(store)),
      headers: [],
      count: day.length,
      pace: { kind: 'planned', dueMs: day.map(({ dueMs }) => dueMs) },
    },
    signal,
  );
  const stores = [...new Set(day.map(({ store }) => nameOf(store)))];
  await waitUntilNotified(stack.database, stores, signal);
  stack.throwIfAnyExited();
  const rows = new Map((await readFinalRows(stack.database, stores)).map((row) => [row.uuid, row]));
  const hours = hoursOf(day, waitsOf(driver, rows), await memory);
  const ratios = hours.flatMap(({ busyToQuiet }) => (busyToQuiet === null ? [] : [busyToQuiet]));
  return {
    ...options,
    failing: day.filter(({ camera }) => camera !== 'working').length,
    hours,
    largestBusyToQuiet: ratios.length === 0 ? null : Math.max(...ratios),
    refused: day.length - (driver.statuses[202] ?? 0),
    ...countMismatches(
      rows,
      driver.uuids,
      day.map(({ camera }) => expected[camera]),
    ),
  };
}

/** Returns the milliseconds from the due time to the result of each alert; infinite: no result. */
function waitsOf({ uuids, sentAt }: DriverResult, rows: ReadonlyMap<string, FinalRow>): number[] {
  return uuids.map((uuid, index) => (rows.get(uuid)?.finalAt ?? Number.POSITIVE_INFINITY) - (sentAt[index] ?? 0));
}

/** Returns the figures of each hour. `waits` and `day` have the same order. */
export function hoursOf(day: readonly DayAlert[], waits: readonly number[], memory: readonly Memory[]): Hour[] {
  return Array.from({ length: HOURS }, (_, hour) => {
    const ofHour = day.flatMap((alert, index) => (alert.hour === hour ? [{ ...alert, wait: waits[index] ?? 0 }] : []));
    const working = ofHour.filter(({ camera, wait }) => camera === 'working' && Number.isFinite(wait));
    const busyStores = new Set(working.filter(({ burst }) => burst).map(({ store }) => store));
    const waitsWhere = (busy: boolean) =>
      working.filter(({ store }) => busyStores.has(store) === busy).map(({ wait }) => wait);
    const at = (waits: number[], rank: number) => (waits.length === 0 ? null : percentile(waits, rank));
    const all = working.map(({ wait }) => wait);
    const [busy, quiet] = [at(waitsWhere(true), 0.5), at(waitsWhere(false), 0.5)];
    return {
      hour,
      alerts: ofHour.length,
      p50Ms: at(all, 0.5),
      p95Ms: at(all, 0.95),
      busyToQuiet: busy === null || quiet === null ? null : busy / quiet,
      memoryMib: memory[hour] ?? null,
    };
  });
}

/** Returns the resident memory of each service at the end of each hour. */
async function sampleMemory(stack: BenchStack, hourMs: number, signal: AbortSignal): Promise<Memory[]> {
  const samples: Memory[] = [];
  const startedAt = performance.now();
  for (let hour = 1; hour <= HOURS; hour += 1) {
    await sleep(Math.max(0, startedAt + hour * hourMs - performance.now()), undefined, { signal });
    const bytes = await Promise.all(SERVICES.map((service) => residentBytesOf(stack.pids(service))));
    const [api = 0, worker = 0, postgres = 0, redis = 0, videoServer = 0] = bytes.map((each) => each / MIB);
    samples.push({ api, worker, postgres, redis, videoServer });
  }
  return samples;
}

/** Returns the simulation as text. */
export function renderSimulation(simulation: Simulation): string {
  const { stores, alerts, seconds, seed, failing, hours, largestBusyToQuiet } = simulation;
  const number = (value: number | null | undefined, digits = 0) =>
    value === null || value === undefined ? '-' : value.toFixed(digits);
  const line = (cells: string[]) => cells.map((cell) => cell.padStart(12)).join('');
  return [
    `${stores} stores, ${alerts} alerts in ${seconds} s for a day, ${failing} of them of failing cameras, seed ${seed}`,
    line(['hour', 'alerts', 'p50 ms', 'p95 ms', 'busy/quiet', 'api MiB', 'worker MiB', 'redis MiB']),
    ...hours.map(({ hour, alerts, p50Ms, p95Ms, busyToQuiet, memoryMib }) =>
      line([
        ...[`${hour}`, `${alerts}`, number(p50Ms), number(p95Ms), number(busyToQuiet, 1)],
        ...[number(memoryMib?.api), number(memoryMib?.worker), number(memoryMib?.redis)],
      ]),
    ),
    `largest ratio of median waits, busy to quiet stores: ${number(largestBusyToQuiet, 1)}`,
    `wrong ${simulation.wrong}, missing ${simulation.missing}, refused ${simulation.refused}`,
  ].join('\n');
}
