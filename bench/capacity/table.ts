import { COMPONENTS, CONFIGURATIONS } from './model.ts';
import type { CapacityReport } from './report.ts';

const LABEL_WIDTH = 24;
const COLUMN_WIDTH = 16;
const LABELS = { api: 'api', worker: 'worker', postgres: 'PostgreSQL', redis: 'Redis', machine: 'all cores' } as const;

/** Other programs that keep more cores busy than this make the figures of a run useless for other machines. */
const MAX_OTHER_CORES = 0.2;
const BUSY = 'Other programs kept the machine busy: costs are too high, and predictions hold for this state only.';

/** Returns the report as text, at most 100 columns wide except for the command. */
export function renderCapacity(report: CapacityReport): string {
  const { command, machine, backend, set, efficiency, bytesPerAlert, measurements } = report;
  return [
    [
      command,
      `${machine.at.slice(0, 16).replace('T', ' ')} UTC, ${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB`,
      `node ${machine.node}${machine.commit && `, commit ${machine.commit}`}, queue on ${backend}, videos ${set}`,
      `reference: SHA-256 of 64 MiB took ${machine.referenceMs.map((ms) => ms.toFixed(0)).join(', then ')} ms; load driver on the same machine`,
    ].join('\n'),
    renderCosts(report),
    `stored per alert: ${figure(bytesPerAlert.stored)} bytes with indexes; efficiency: ${efficiency.toFixed(2)} of the formula`,
    renderPredictions(report),
    renderMeasurements(report),
    ...(measurements.some(({ otherCores }) => otherCores > MAX_OTHER_CORES) ? [BUSY] : []),
  ].join('\n\n');
}

function renderCosts({ costs, bytesPerAlert }: CapacityReport): string {
  const perCore = (ms: number) => (ms > 0 ? 1000 / ms : Number.NaN);
  return [
    line('one process of each', ['CPU ms/alert', 'alerts/s/core', 'bytes/alert', 'MB/s/core']),
    ...COMPONENTS.filter((name) => costs[name] > 0).map((name) =>
      line(LABELS[name], [
        figure(costs[name]),
        figure(perCore(costs[name])),
        figure(bytesPerAlert[name]),
        figure((perCore(costs[name]) * bytesPerAlert[name]) / 1e6),
      ]),
    ),
    line('video server, driver', [figure(costs.rest)]),
    'bytes: requests, parts of videos, write-ahead log, commands',
  ].join('\n');
}

function renderPredictions({ predictions }: CapacityReport): string {
  const cores = [...new Set(predictions.map((each) => each.cores))];
  return [
    line(
      'predicted alerts/s',
      cores.map((each) => `${each} cores`),
    ),
    ...CONFIGURATIONS.map(({ apis, workers }) =>
      line(
        nameOf({ apis, workers }),
        predictions
          .filter((each) => each.apis === apis && each.workers === workers)
          .map(({ perSecond, limit }) => `${figure(perSecond)} ${LABELS[limit]}`),
      ),
    ),
  ].join('\n');
}

function renderMeasurements({ measurements }: CapacityReport): string {
  return [
    line('on this machine', ['predicted', 'measured', 'ratio', 'other cores']),
    ...measurements.map((each) =>
      line(nameOf(each), [
        figure(each.predicted),
        figure(each.perSecond),
        (each.perSecond / each.predicted).toFixed(2),
        each.otherCores.toFixed(2),
      ]),
    ),
    `wrong, missing or refused: ${measurements.reduce((sum, { wrong }) => sum + wrong, 0)}; ` +
      'other cores: kept busy by other programs',
  ].join('\n');
}

function nameOf({ apis, workers }: { apis: number; workers: number }): string {
  return `${apis} ${apis === 1 ? 'api' : 'apis'}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
}

function line(label: string, columns: string[]): string {
  return (label.padEnd(LABEL_WIDTH) + columns.map((text) => text.padStart(COLUMN_WIDTH)).join('')).trimEnd();
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = value >= 100 || value === 0 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
