import { drive } from './drive.ts';
import type { Driven, Plan } from './driver.ts';
import { type House, KINDS, type Kind } from './house.ts';
import { cpuMsOf, forgetPeaks, peakBytesOf } from './processes.ts';
import { type FoundRow, judgeRows, readFinalRows, settle } from './rows.ts';
import { percentile } from './statistics.ts';
import type { Truth } from './video-sets.ts';

export type Percentiles = { p50: number; p95: number; p99: number };

/** What one flow of alerts showed, from the first request to the last row final. */
export type Flow = {
  alerts: number;
  seconds: number;
  acceptedPerS: number;
  processedPerS: number;
  postMs: Percentiles;
  /** From the moment the request was due until the row's last commit. */
  endToEndMs: Percentiles;
  /** Paced `lone` alone: until a GET, asked again and again, saw it final. */
  seenFinalMs: Percentiles;
  cpuMsPerAlert: Record<Kind, number>;
  cpuMsPerAlertInAll: number;
  driverCpuMsPerAlert: number;
  /** Body bytes, as the rows say. */
  bytesPerAlert: number;
  /** As the video server counted; null: it does not count. */
  served: { requestsPerAlert: number; bytesPerAlert: number; connectionsPer1000: number } | null;
  peakMib: Record<Kind, number>;
  /** Answers to POST but 202. */
  refused: number;
  wrong: number;
  missing: number;
};

const MIB = 1024 * 1024;

/** Empties the house, sends the alerts of the plan on these videos, waits for the last row, and holds it to the truth. */
export async function measureFlow(
  house: House,
  truths: readonly Truth[],
  plan: Pick<Plan, 'count' | 'pace'>,
  signal: AbortSignal,
): Promise<Flow> {
  await house.empty();
  await house.videoServer.served();
  await forgetPeaks(KINDS.flatMap(house.pids));
  const before = await cpuOfKinds(house);
  const { apiPort: port } = house;
  const videos = truths.map(({ video }) => video);
  const driven = await drive({ ...plan, port, videos, store: 'bench', headers: [] }, signal);
  await settle(house.database, signal);
  const after = await cpuOfKinds(house);
  house.check();
  const rows = new Map((await readFinalRows(house.database)).map((row) => [row.uuid, row]));
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
  const answered = sentAt.reduce((last, at, index) => Math.max(last, at + (answerMs[index] ?? 0)), 0);
  const ended = [...rows.values()].reduce((last, { finalAt }) => Math.max(last, finalAt), 0);
  const lasted = uuids.map(
    (uuid, index) => (rows.get(uuid)?.finalAt ?? Number.POSITIVE_INFINITY) - (sentAt[index] ?? 0),
  );
  const seconds = (ended - began) / 1000;
  return {
    seconds,
    acceptedPerS: uuids.length / ((answered - began) / 1000),
    processedPerS: rows.size / seconds,
    postMs: percentilesOf(answerMs),
    endToEndMs: percentilesOf(lasted),
    seenFinalMs: percentilesOf(finalMs),
  };
}

function percentilesOf(values: readonly number[]): Percentiles {
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), p99: percentile(values, 0.99) };
}

async function cpuOfKinds(house: House): Promise<Record<Kind, number>> {
  const times = await Promise.all(KINDS.map((kind) => cpuMsOf(house.pids(kind))));
  return byKind((kind) => times[KINDS.indexOf(kind)] ?? 0);
}

function byKind<T>(of: (kind: Kind) => T): Record<Kind, T> {
  const { api, worker, postgres, redis, videoServer } = Object.fromEntries(KINDS.map((kind) => [kind, of(kind)]));
  return { api, worker, postgres, redis, videoServer } as Record<Kind, T>; // each kind was just put in
}
