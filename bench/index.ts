import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { findRedisProgram } from '#test/harness/redis.ts';
import { measureProbes } from './ask-process.ts';
import { type Bench, measureSets, openBenchStack } from './bench.ts';
import { measureGrowth } from './data-size.ts';
import { describeMachine, measureYardstick } from './machine.ts';
import { type Options, readOptions } from './options.ts';
import { tableOfProfiles } from './profile.ts';
import type { Report } from './report.ts';
import { measureSoak } from './soak.ts';
import type { Opened, Stack } from './stack.ts';
import { tableOf } from './table.ts';
import { layOutVideos, truthsOf } from './video-sets.ts';

// `npm run bench`: whole houses of processes on 127.0.0.1, driven as hard as they bear, and a table of what that cost. Bounded by
// time; leaves nothing but the videos that it made.

const opened: Opened = [];
const stop = new AbortController();
let done = false;

const { close } = closeWithGrace({ delay: 120_000, logger: false }, async ({ err }) => {
  stop.abort();
  if (err) say(err.message);
  await closeAll(opened);
  process.exit(done ? 0 : 1);
});

const SOAKED = 100_000;

const args = process.argv.slice(2);
const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');

try {
  await main(readOptions(args));
  done = true;
} catch (error) {
  say(stop.signal.aborted ? 'stopped' : `${error instanceof Error ? error.message : error}`);
}
await close();

async function main(options: Options): Promise<void> {
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(options.minutes * 60_000)]);
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  opened.unshift({ close: () => rm(folder, { recursive: true, force: true }) });
  await layOutVideos(options.sets, join(folder, 'videos'), say);
  const searchPath = process.env.PATH ?? '';
  const profile = options.profile && resolve(options.profile);
  const bench = { options: { ...options, profile }, folder, searchPath, say, signal };
  const report: Report = {
    command,
    machine: await describeMachine(),
    runs: options.runs,
    measured: [],
    probes: [],
    growth: [],
    soak: [],
  };
  for (const backend of await backendsHere(options, searchPath)) {
    say(`a house with its queue on ${backend}`);
    const parts: Opened = [];
    opened.unshift({ close: () => closeAll(parts) });
    await measureHouse(bench, await openBenchStack(bench, backend, parts), report);
    await closeAll(parts);
    report.machine.yardstickMs.push(measureYardstick());
  }
  process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : tableOf(report)}\n`);
  if (profile && !options.json) process.stdout.write(`\n${await tableOfProfiles(profile)}\n`);
}

/** Adds what was asked for to the report. */
async function measureHouse(bench: Bench, house: Stack, report: Report): Promise<void> {
  const { options, signal } = bench;
  if (options.mode === 'growth') {
    report.growth.push(...(await measureGrowth(house, truthsOf('avi'), { say, signal, seconds: options.seconds })));
  } else if (options.mode === 'soak') {
    await house.employ('ours');
    const alerts = options.alerts ?? SOAKED;
    report.soak.push(...(await measureSoak(house, truthsOf('avi'), { alerts, say, signal })));
  } else {
    report.measured.push(...(await measureSets(bench, house)));
    if (!options.probes || report.probes.length > 0) return;
    say('probes by themselves');
    report.probes.push(...(await measureProbes(house.videoServer.origin, signal)));
  }
}

/** Without a Redis the other backend is measured alone. */
async function backendsHere({ backends }: Options, searchPath: string): Promise<Options['backends']> {
  if (!backends.includes('redis')) return backends;
  try {
    await findRedisProgram(searchPath);
    return backends;
  } catch (error) {
    if (backends.length === 1) throw error;
    say(`${error instanceof Error ? error.message : error}; measuring PostgreSQL alone`);
    return ['postgres'];
  }
}

async function closeAll(parts: Opened): Promise<void> {
  for (const part of parts.splice(0)) await part.close().catch((error: Error) => say(error.message));
}

function say(line: string): void {
  process.stderr.write(`▸ ${line}\n`);
}
