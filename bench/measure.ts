import { randomUUID } from 'node:crypto';
import type { DriverPlan, DriverResult } from './driver.ts';
import { cpuMsOf, peakBytesOf, resetPeaks } from './processes.ts';
import type { LoadResult, Percentiles } from './report.ts';
import { countMismatches, type FinalRow, readFinalRows, waitUntilDelivered, waitUntilNotified } from './rows.ts';
import { type BenchStack, SERVICES, type ServiceName } from './stack.ts';
import { percentile } from './statistics.ts';
import { runDriver } from './subprocess.ts';
import type { ExpectedVideo } from './video-sets.ts';

/** `keepRows`: rows and jobs are not deleted first. `apis`: how many of them receive the alerts; default: all. */
export type LoadOptions = Pick<DriverPlan, 'count' | 'pace'> & { keepRows?: boolean; apis?: number };

/** The number of stores whose cameras send at the same time. */
const STORES = 50;
const MIB = 1024 * 1024;

/** Sends alerts on these videos, waits until the last row is notified, and compares the rows with the expected values. */
export async function measureLoad(
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  { keepRows = false, apis, ...plan }: LoadOptions,
  signal: AbortSignal,
): Promise<LoadResult> {
  if (!keepRows) await stack.deleteAll();
  const load = randomUUID();
  const stores = Array.from({ length: STORES }, (_, index) => `bench ${load} ${index}`);
  await resetPeaks(SERVICES.flatMap(stack.pids));
  const before = await readCpu(stack);
  const ports = stack.apiPorts.slice(0, apis);
  const paths = videos.map(({ path }) => path);
  const driver = await runDriver({ ...plan, ports, videos: paths, stores, headers: [] }, signal);
  await waitUntilNotified(stack.database, stores, signal);
  const deliveries = stack.destinations > 0 ? await measureDeliveries(stack, driver, signal) : null;
  const after = await readCpu(stack);
  stack.throwIfAnyExited();
  const rows = new Map((await readFinalRows(stack.database, driver.uuids)).map((row) => [row.uuid, row]));
  const perAlert = (total: number) => total / plan.count;
  const cpuMsPerAlert = byService((service) => perAlert(after[service] - before[service]));
  const served = await stack.videoServer.served();
  const peaks = await Promise.all(SERVICES.map((service) => peakBytesOf(stack.pids(service))));
  return {
    alerts: plan.count,
    ...timesOf(driver, rows),
    cpuMsPerAlert,
    cpuMsPerAlertTotal: SERVICES.reduce((sum, service) => sum + cpuMsPerAlert[service], 0),
    driverCpuMsPerAlert: perAlert(driver.cpuMs),
    requestBytesPerAlert: perAlert(driver.sentBytes),
    bytesPerAlert: perAlert([...rows.values()].reduce((sum, { bytes }) => sum + bytes, 0)),
    served: served
      ? {
          requestsPerAlert: perAlert(served.requests),
          bytesPerAlert: perAlert(served.bytes),
          connectionsPer1000: perAlert(served.connections) * 1000,
        }
      : null,
    peakMib: byService((service) => (peaks[SERVICES.indexOf(service)] ?? 0) / MIB),
    deliveries,
    refused: plan.count - (driver.statuses[202] ?? 0),
    ...countMismatches(rows, driver.uuids, videos),
  };
}

/** Waits until everything is delivered. Other loads have no deliveries left: `deleteAll` deletes them. */
async function measureDeliveries(
  { database, destinations }: BenchStack,
  { sentAt }: DriverResult,
  signal: AbortSignal,
) {
  const undelivered = await waitUntilDelivered(database, signal);
  const delivered = sentAt.length * destinations - undelivered;
  const seconds = (Date.now() - Math.min(...sentAt.slice(0, 1000))) / 1000;
  return { deliveredPerS: delivered / seconds, undelivered };
}

function timesOf({ uuids, sentAt, responseMs, finalMs }: DriverResult, rows: ReadonlyMap<string, FinalRow>) {
  const startedAt = Math.min(...sentAt.slice(0, 1000));
  const lastResponseAt = sentAt.reduce((last, at, index) => Math.max(last, at + (responseMs[index] ?? 0)), 0);
  const lastFinalAt = [...rows.values()].reduce((last, { finalAt }) => Math.max(last, finalAt), 0);
  const endToEndMs = uuids.map(
    (uuid, index) => (rows.get(uuid)?.finalAt ?? Number.POSITIVE_INFINITY) - (sentAt[index] ?? 0),
  );
  const seconds = (lastFinalAt - startedAt) / 1000;
  return {
    seconds,
    acceptedPerS: uuids.length / ((lastResponseAt - startedAt) / 1000),
    processedPerS: rows.size / seconds,
    postMs: percentilesOf(responseMs),
    endToEndMs: percentilesOf(endToEndMs.filter(Number.isFinite)),
    polledFinalMs: percentilesOf(finalMs),
  };
}

function percentilesOf(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), p99: percentile(values, 0.99) };
}

async function readCpu(stack: BenchStack): Promise<Record<ServiceName, number>> {
  const times = await Promise.all(SERVICES.map((service) => cpuMsOf(stack.pids(service))));
  return byService((service) => times[SERVICES.indexOf(service)] ?? 0);
}

function byService<T>(read: (service: ServiceName) => T): Record<ServiceName, T> {
  const entries = SERVICES.map((service) => [service, read(service)]);
  const { api, worker, postgres, redis, videoServer } = Object.fromEntries(entries);
  return { api, worker, postgres, redis, videoServer } as Record<ServiceName, T>; // each service has an entry
}
