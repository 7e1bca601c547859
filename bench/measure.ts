import { randomUUID } from 'node:crypto';
import { drive } from './ask-process.ts';
import type { Driven, Plan } from './driver.ts';
import { cpuMsOf, forgetPeaks, peakBytesOf } from './processes.ts';
import type { Flow, Percentiles } from './report.ts';
import { type FoundRow, judgeRows, readFinalRows, settle } from './rows.ts';
import { KINDS, type Kind, type Stack } from './stack.ts';
import { percentile } from './statistics.ts';
import type { Truth } from './video-sets.ts';

/** Cameras of so many stores send at once. */
const STORES = 50;
const MIB = 1024 * 1024;

/**
 * Empties the house, or not, sends the alerts of the plan on these videos, waits for the last row, and holds each to the
 * truth.
 */
export async function measureFlow(
  house: Stack,
  truths: readonly Truth[],
  { keepRows = false, ...plan }: Pick<Plan, 'count' | 'pace'> & { keepRows?: boolean },
  signal: AbortSignal,
): Promise<Flow> {
  if (!keepRows) await house.empty();
  const flow = randomUUID();
  const stores = Array.from({ length: STORES }, (_, index) => `bench ${flow} ${index}`);
  await forgetPeaks(KINDS.flatMap(house.pids));
  const before = await cpuOfKinds(house);
  const { apiPort: port } = house;
  const videos = truths.map(({ video }) => video);
  const driven = await drive({ ...plan, port, videos, stores, headers: [] }, signal);
  await settle(house.database, stores, signal);
  const after = await cpuOfKinds(house);
  house.check();
  const rows = new Map((await readFinalRows(house.database, stores)).map((row) => [row.uuid, row]));
  const per = (total: number) => total / plan.count;
  const cpuMsPerAlert = byKind((kind) => per(after[kind] - before[kind]));
  const served = await house.videoServer.served();
  const peaks = await Promise.all(KINDS.map((kind) => peakBytesOf(house.pids(kind))));
  return {
    alerts: plan.count,
    ...timesOf(driven, rows),
    cpuMsPerAlert,
    cpuMsPerAlertInAll: KINDS.reduce((sum, kind) => sum + cpuMsPerAlert[kind], 0),
    driverCpuMsPerAlert: per(driven.cpuMs),
    bytesPerAlert: per([...rows.values()].reduce((sum, { bytes }) => sum + bytes, 0)),
    served: served
      ? {
          requestsPerAlert: per(served.requests),
          bytesPerAlert: per(served.bytes),
          connectionsPer1000: per(served.connections) * 1000,
        }
      : null,
    peakMib: byKind((kind) => (peaks[KINDS.indexOf(kind)] ?? 0) / MIB),
    refused: plan.count - (driven.statuses[202] ?? 0),
    ...judgeRows(rows, driven.uuids, truths),
  };
}

function timesOf({ uuids, sentAt, answerMs, finalMs }: Driven, rows: ReadonlyMap<string, FoundRow>) {
  const began = Math.min(...sentAt.slice(0, 1000));
  const withQueueTimeout = sentAt.reduce((last, at, index) => Math.max(last, at + (answerMs[index] ?? 0)), 0);
  const ended = [...rows.values()].reduce((last, { finalAt }) => Math.max(last, finalAt), 0);
  const lasted = uuids.map(
    (uuid, index) => (rows.get(uuid)?.finalAt ?? Number.POSITIVE_INFINITY) - (sentAt[index] ?? 0),
  );
  const seconds = (ended - began) / 1000;
  return {
    seconds,
    acceptedPerS: uuids.length / ((withQueueTimeout - began) / 1000),
    processedPerS: rows.size / seconds,
    postMs: percentilesOf(answerMs),
    endToEndMs: percentilesOf(lasted.filter(Number.isFinite)),
    seenFinalMs: percentilesOf(finalMs),
  };
}

function percentilesOf(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), p99: percentile(values, 0.99) };
}

async function cpuOfKinds(house: Stack): Promise<Record<Kind, number>> {
  const times = await Promise.all(KINDS.map((kind) => cpuMsOf(house.pids(kind))));
  return byKind((kind) => times[KINDS.indexOf(kind)] ?? 0);
}

function byKind<T>(of: (kind: Kind) => T): Record<Kind, T> {
  const { api, worker, postgres, redis, videoServer } = Object.fromEntries(KINDS.map((kind) => [kind, of(kind)]));
  return { api, worker, postgres, redis, videoServer } as Record<Kind, T>; // each kind was just put in
}
