import { join, resolve } from 'node:path';
import { mediaSettings } from '#test/harness/media.ts';
import { findRedisProgram } from '#test/harness/redis.ts';
import { type AlternatingResult, renderAlternating } from './alternating.ts';
import { type Bench, compareWorkers, openBenchStack } from './bench.ts';
import { closeAll, commandLine, log, type Run, runMeasurement } from './command.ts';
import { compareRevisions, renderComparison } from './compare.ts';
import { sweepDataSizes } from './data-size.ts';
import { describeMachine, measureReference } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { measureOutage, writeOutageSources } from './outage.ts';
import { measurePictureLoad } from './picture-load.ts';
import { measurePictures, renderPictures } from './pictures.ts';
import { measurePolling, renderPolling } from './polling.ts';
import { renderProfiles } from './profile.ts';
import type { Report } from './report.ts';
import { measureRetention, renderRetention } from './retention.ts';
import { measureSlow, writeSlowSource } from './slow.ts';
import { measureSoak } from './soak.ts';
import type { BenchStack, Opened } from './stack.ts';
import { measureProbes } from './subprocess.ts';
import { renderReport } from './table.ts';
import { prepareVideos, videosOf } from './video-sets.ts';

// `npm run bench`: starts complete stacks on 127.0.0.1, loads them to saturation, and prints a table of the results. It has
// a time limit and leaves only the videos that it generated.

const SOAK_ALERTS = 100_000;

await runMeasurement({ name: 'bench', usage: USAGE, readOptions, run });

async function run(options: Options, { folder, opened, stopped }: Run): Promise<void> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(options.minutes * 60_000)]);
  if (options.compare !== undefined) {
    return print(options, await compareRevisions(options, { folder, log, signal }, opened), renderComparison);
  }
  const searchPath = process.env.PATH ?? '';
  if (options.mode === 'pictures') {
    const costs = await measurePictures({ folder, searchPath, log, signal });
    return print(options, costs, renderPictures);
  }
  await prepareVideos(options.sets, join(folder, 'videos'), log);
  Object.assign(options.settings, await settingsOf(options.mode, folder, opened));
  const profile = options.profile && resolve(options.profile);
  const bench = { options: { ...options, profile }, folder, searchPath, log, signal };
  const report: Report = {
    command: commandLine('bench'),
    machine: await describeMachine(),
    runs: options.runs,
    comparisons: [],
    probes: [],
    dataSizes: [],
    soak: [],
  };
  const alternating: AlternatingResult[] = [];
  for (const backend of await availableBackends(options, searchPath)) {
    log(`starting a stack with its queue on ${backend}`);
    const stackOpened: Opened = [];
    opened.unshift({ close: () => closeAll(stackOpened) });
    try {
      const stack = await openBenchStack(bench, backend, stackOpened);
      if (options.mode === 'retention') return print(options, await measureRetention(stack, bench), renderRetention);
      if (options.mode === 'polling') return print(options, await measurePolling(stack, bench), renderPolling);
      if (options.mode === 'outage') alternating.push(...(await measureOutage(stack, bench)));
      else if (options.mode === 'slow') alternating.push(...(await measureSlow(stack, bench)));
      else if (options.mode === 'pictures-load') alternating.push(...(await measurePictureLoad(stack, bench)));
      else await measureStack(bench, stack, report);
    } finally {
      // After a signal also what was still starting at that moment.
      await closeAll(stackOpened);
    }
    report.machine.referenceMs.push(measureReference());
  }
  if (alternating.length > 0) return print(options, alternating, renderAlternating);
  print(options, report, renderReport);
  if (profile && !options.json) process.stdout.write(`\n${await renderProfiles(profile)}\n`);
}

/** Returns the settings of api and worker that the mode needs. The videos are in `folder`. */
async function settingsOf(mode: Options['mode'], folder: string, opened: Opened): Promise<Record<string, string>> {
  if (mode === 'outage') return { SOURCES_FILE: await writeOutageSources(folder) };
  if (mode === 'slow') return { SOURCES_FILE: await writeSlowSource(folder, opened) };
  if (mode === 'pictures-load') return mediaSettings(join(folder, 'media'));
  return {};
}

function print<Result>({ json }: Options, result: Result, render: (result: Result) => string): void {
  process.stdout.write(`${json ? JSON.stringify(result, null, 2) : render(result)}\n`);
}

/** Adds the requested measurements to the report. */
async function measureStack(bench: Bench, stack: BenchStack, report: Report): Promise<void> {
  const { options, signal } = bench;
  if (options.mode === 'data-size') {
    const { seconds, rows: millions } = options;
    report.dataSizes.push(...(await sweepDataSizes(stack, videosOf('avi'), { millions, log, signal, seconds })));
  } else if (options.mode === 'soak') {
    await stack.startWorker('current');
    const alerts = options.alerts ?? SOAK_ALERTS;
    report.soak.push(...(await measureSoak(stack, videosOf('avi'), { alerts, log, signal })));
  } else {
    report.comparisons.push(...(await compareWorkers(bench, stack)));
    if (!options.probes || report.probes.length > 0) return;
    log('probe methods');
    report.probes.push(...(await measureProbes(stack.videoServer.origin, signal)));
  }
}

/** Returns the requested backends; without a Redis program only PostgreSQL. */
async function availableBackends({ backends }: Options, searchPath: string): Promise<Options['backends']> {
  if (!backends.includes('redis')) return backends;
  try {
    await findRedisProgram(searchPath);
    return backends;
  } catch (error) {
    if (backends.length === 1) throw error;
    log(`${error instanceof Error ? error.message : error}; measuring PostgreSQL only`);
    return ['postgres'];
  }
}
