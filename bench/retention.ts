import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { setRetentionRule } from '#prisma/retention-rules.ts';
import { findRetentionState } from '#prisma/retention-run.ts';
import type { Bench } from './bench.ts';
import { FIRST_RECEIVED, fillAlerts, INTERVAL_MS } from './fill.ts';
import type { BenchStack } from './stack.ts';
import { percentile } from './statistics.ts';
import { runDriver } from './subprocess.ts';
import { videosOf } from './video-sets.ts';

const STORED = 5_000_000;
/** Share of the stored alerts that are due. */
const DUE = 0.8;
/** Loads before, and again after the deletion. */
const IDLE_LOADS = 4;
const DAY_MS = 86_400_000;

/** Of one load: latencies of POST in ms, dead rows of `alerts` at its end, and the load average of the machine. */
type RetentionLoad = {
  when: 'before' | 'during' | 'after';
  p50: number;
  p95: number;
  dead: number;
  deleted: number;
  machineLoad: number;
};

type RetentionResult = {
  stored: number;
  deleted: number;
  /** Of the deletion, or of the measurement if it was not finished. */
  seconds: number;
  finished: boolean;
  loads: RetentionLoad[];
};

/** Measures POST in loads one after the other, before, while and after the worker deletes most of a large table. */
export async function measureRetention(stack: BenchStack, bench: Bench): Promise<RetentionResult> {
  const { log, signal, options } = bench;
  const stored = options.alerts ?? STORED;
  log(`${stored.toLocaleString('en-US')} rows stored before`);
  await fillAlerts(stack.databaseUrl, { from: 0, to: stored });
  await stack.startWorker('current');
  const loads: RetentionLoad[] = [];
  const add = async (when: RetentionLoad['when']) => {
    const load = await measurePosts(stack, bench, when);
    loads.push(load);
    log(
      `${when}: POST p50 ${load.p50.toFixed(1)} ms, p95 ${load.p95.toFixed(1)} ms, ${load.deleted} deleted, ${load.dead} dead rows`,
    );
  };
  for (let i = 0; i < IDLE_LOADS; i += 1) await add('before');
  const lastDue = FIRST_RECEIVED.getTime() + stored * DUE * INTERVAL_MS;
  const days = Math.ceil((Date.now() - lastDue) / DAY_MS);
  await setRetentionRule(stack.database, { store: null, status: null, days, updatedBy: 'bench' });
  let state = await findRetentionState(stack.database);
  while (!state) {
    await sleep(500, undefined, { signal });
    state = await findRetentionState(stack.database);
  }
  const deadline = Date.now() + options.minutes * 60_000 * 0.6;
  while (state && !state.finishedAt && Date.now() < deadline) {
    await add('during');
    state = await findRetentionState(stack.database);
  }
  if (state?.finishedAt) for (let i = 0; i < IDLE_LOADS; i += 1) await add('after');
  const seconds = state ? (state.updatedAt.getTime() - state.startedAt.getTime()) / 1_000 : 0;
  return { stored, deleted: state?.deleted ?? 0, seconds, finished: Boolean(state?.finishedAt), loads };
}

async function measurePosts(stack: BenchStack, { options, signal }: Bench, when: RetentionLoad['when']) {
  const { rate, seconds } = options;
  const videos = videosOf('avi').map(({ path }) => path);
  const pace = { kind: 'open', perSecond: rate } as const;
  const plan = {
    count: Math.round(rate * seconds),
    pace,
    ports: stack.apiPorts,
    videos,
    stores: ['bench'],
    headers: [],
  };
  const { responseMs } = await runDriver(plan, signal);
  stack.throwIfAnyExited();
  const [row] = await stack.database.$queryRaw<[{ dead: number }]>`
    SELECT n_dead_tup::int AS dead FROM pg_stat_user_tables WHERE relname = 'alerts'`;
  const deleted = (await findRetentionState(stack.database))?.deleted ?? 0;
  const [machineLoad = 0] = loadavg();
  return {
    when,
    p50: percentile(responseMs, 0.5),
    p95: percentile(responseMs, 0.95),
    dead: row.dead,
    deleted,
    machineLoad,
  };
}

/** Returns the result as Markdown. The loads of a kind are summarized by their medians. */
export function renderRetention({ stored, deleted, seconds, finished, loads }: RetentionResult): string {
  const count = (n: number) => Math.round(n).toLocaleString('en-US');
  const rows = (['before', 'during', 'after'] as const).flatMap((when) => {
    const all = loads.filter((load) => load.when === when);
    const median = (value: (load: RetentionLoad) => number) => percentile(all.map(value), 0.5);
    if (all.length === 0) return [];
    const [p50, p95, machine] = [
      median(({ p50 }) => p50),
      median(({ p95 }) => p95),
      median(({ machineLoad }) => machineLoad),
    ];
    const dead = Math.max(...all.map((load) => load.dead));
    return [
      `| ${when} | ${all.length} | ${p50.toFixed(1)} | ${p95.toFixed(1)} | ${count(dead)} | ${machine.toFixed(1)} |`,
    ];
  });
  return [
    `${count(deleted)} of ${count(stored)} alerts deleted in ${count(seconds)} s (${count(deleted / seconds)}/s)${finished ? '' : ', not finished'}`,
    '',
    '| loads | number | POST p50 ms | POST p95 ms | most dead rows | load of the machine |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
