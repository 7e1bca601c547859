import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, log, type Run, runMeasurement } from '../command.ts';
import { describeMachine, measureReference } from '../machine.ts';
import { type BenchStack, openStack } from '../stack.ts';
import { prepareVideos, videosOf } from '../video-sets.ts';
import { renderChart } from './chart.ts';
import { type CapacityLoad, costsOf, measureConfiguration, readFreeBytes } from './measure.ts';
import { CONFIGURATIONS, type Configuration, efficiencyOf, measurable, predict } from './model.ts';
import { type CapacityOptions, readCapacityOptions, USAGE } from './options.ts';
import type { CapacityReport, Measurement } from './report.ts';
import { prepareBrokenVideo, renderSimulation, simulateDay } from './simulate.ts';
import { renderCapacity } from './table.ts';

// `npm run capacity`: measures what an alert costs in each component, predicts the throughput of other configurations, and
// compares that with measurements. It has a time limit and leaves only the video that it generated.

const ONE: Configuration = { apis: 1, workers: 1 };

await runMeasurement({ name: 'capacity', usage: USAGE, readOptions: readCapacityOptions, run });

async function run(options: CapacityOptions, { folder, opened, stopped }: Run): Promise<void> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(options.minutes * 60_000)]);
  const [videos, searchPath] = [join(folder, 'videos'), process.env.PATH ?? ''];
  await prepareVideos([options.set], videos, log);
  if (options.simulate) await prepareBrokenVideo(videos);
  const machine = await describeMachine();
  const configurations = measurable(machine.cores, await readFreeBytes());
  const apis = options.simulate ? 1 : Math.max(1, ...configurations.map((each) => each.apis));
  const { backend } = options;
  const base = { settings: {}, profiles: undefined, destinations: 0 };
  log(`starting a stack with its queue on ${backend}`);
  const stack = await openStack({ ...base, backend, apis, folder: join(folder, backend), videos, searchPath }, opened);
  if (options.simulate) return runSimulation(stack, options, signal);
  const measured = await measureAll(stack, configurations, options, signal);
  machine.referenceMs.push(measureReference());
  const report: CapacityReport = { command: commandLine('capacity'), machine, backend, set: options.set, ...measured };
  process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : renderCapacity(report)}\n`);
}

/** Simulates a day; prints the result and writes the chart. */
async function runSimulation(stack: BenchStack, options: CapacityOptions, signal: AbortSignal): Promise<void> {
  const { stores, rate, seconds, seed, set, chart, json } = options;
  const [video] = videosOf(set);
  if (!video) throw new Error(`the set ${set} has no video`);
  const day = { stores, seconds, seed, alerts: options.alerts ?? Math.round(rate * seconds) };
  log(`simulating a day of ${stores} stores: ${day.alerts} alerts in ${seconds} s`);
  const simulation = await simulateDay(stack, video, day, signal);
  if (chart !== undefined) await writeFile(chart, renderChart(simulation));
  process.stdout.write(`${json ? JSON.stringify(simulation, null, 2) : renderSimulation(simulation)}\n`);
}

/** Measures one api and one worker, predicts the rest from them, and then measures the other configurations. */
async function measureAll(
  stack: BenchStack,
  configurations: Configuration[],
  options: CapacityOptions,
  signal: AbortSignal,
): Promise<Pick<CapacityReport, 'costs' | 'bytesPerAlert' | 'efficiency' | 'predictions' | 'measurements'>> {
  const [here = 1] = options.cores;
  const measure = (configuration: Configuration) =>
    measureConfiguration(stack, videosOf(options.set), configuration, { ...options, signal });
  log('1 api, 1 worker');
  const reference = await measure(ONE);
  const costs = costsOf(reference.load);
  const efficiency = efficiencyOf(costs, ONE, here, reference.load.processedPerS);
  const predictions = options.cores.flatMap((cores) =>
    CONFIGURATIONS.map((configuration) => predict(costs, configuration, cores, efficiency)),
  );
  const predicted = (configuration: Configuration) => predict(costs, configuration, here, efficiency).perSecond;
  const measurements = [measurementOf(ONE, reference, predict(costs, ONE, here).perSecond)];
  const others = configurations.filter(({ apis, workers }) => apis * workers > 1);
  for (const configuration of options.quick ? others.slice(-1) : others) {
    log(`apis: ${configuration.apis}, workers: ${configuration.workers}`);
    measurements.push(measurementOf(configuration, await measure(configuration), predicted(configuration)));
  }
  return { costs, bytesPerAlert: reference.bytesPerAlert, efficiency, predictions, measurements };
}

function measurementOf(
  { apis, workers }: Configuration,
  { load, otherCores }: CapacityLoad,
  predicted: number,
): Measurement {
  const wrong = load.wrong + load.missing + load.refused;
  return { apis, workers, alerts: load.alerts, perSecond: load.processedPerS, predicted, otherCores, wrong };
}
