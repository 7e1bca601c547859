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
      /** From the due time of a request to the commit of the result, of working cameras of stores without a burst. */
      p50Ms: amount.nullable(),
      p95Ms: amount.nullable(),
      /** The same of the stores with a burst in this hour; null: there are none. */
      burstP50Ms: amount.nullable(),
      /** Resident at the end of the hour; shared pages count for each process. */
      memoryMib: memory.nullable(),
    }),
  ),
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
  const rows = new Map((await readFinalRows(stack.database, driver.uuids)).map((row) => [row.uuid, row]));
  const hours = hoursOf(day, waitsOf(driver, rows), await memory);
  return {
    ...options,
    failing: day.filter(({ camera }) => camera !== 'working').length,
    hours,
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
    const burstStores = new Set(working.filter(({ burst }) => burst).map(({ store }) => store));
    const at = (burst: boolean, rank: number) => {
      const waits = working.filter(({ store }) => burstStores.has(store) === burst).map(({ wait }) => wait);
      return waits.length === 0 ? null : percentile(waits, rank);
    };
    return {
      hour,
      alerts: ofHour.length,
      p50Ms: at(false, 0.5),
      p95Ms: at(false, 0.95),
      burstP50Ms: at(true, 0.5),
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
  const { stores, alerts, seconds, seed, failing, hours } = simulation;
  const number = (value: number | null | undefined) => (value === null || value === undefined ? '-' : value.toFixed(0));
  const line = (cells: string[]) => cells.map((cell) => cell.padStart(12)).join('');
  return [
    `${stores} stores, ${alerts} alerts in ${seconds} s for a day, ${failing} of them of failing cameras, seed ${seed}`,
    line(['hour', 'alerts', 'p50 ms', 'p95 ms', 'burst p50', 'api MiB', 'worker MiB', 'redis MiB']),
    ...hours.map(({ hour, alerts, p50Ms, p95Ms, burstP50Ms, memoryMib }) =>
      line([
        ...[`${hour}`, `${alerts}`, number(p50Ms), number(p95Ms), number(burstP50Ms)],
        ...[number(memoryMib?.api), number(memoryMib?.worker), number(memoryMib?.redis)],
      ]),
    ),
    'p50 and p95 of stores without a burst in that hour; burst p50 of the others',
    `wrong ${simulation.wrong}, missing ${simulation.missing}, refused ${simulation.refused}`,
  ].join('\n');
}
