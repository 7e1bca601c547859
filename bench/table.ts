import type { Comparison, DataSizeResult, LoadResult, ProbeCost, Report, SoakResult } from './report.ts';
import { SET_TITLES } from './video-sets.ts';

type LoadName = 'saturated' | 'steady' | 'half' | 'idle' | 'polled';
/** `better`: whether a higher or a lower figure is better, for rows with a ratio to the baseline. */
type Row = [label: string, read: (comparison: Comparison) => number | undefined, better?: 'higher' | 'lower'];

const SERVICE_LABELS = {
  api: 'api',
  worker: 'worker',
  postgres: 'postgres',
  redis: 'redis',
  videoServer: 'video server',
} as const;

function figure(read: (load: LoadResult) => number | undefined, name: LoadName = 'saturated'): Row[1] {
  return (comparison) => {
    const load = comparison[name];
    return load === null ? undefined : read(load);
  };
}

function serviceRows(field: 'cpuMsPerAlert' | 'peakMib'): Row[] {
  return (['api', 'worker', 'postgres', 'redis', 'videoServer'] as const).map((service) => [
    `  ${SERVICE_LABELS[service]}`,
    figure((load) => load[field][service]),
  ]);
}

const ROWS: Row[] = [
  ['accepted/s', figure((load) => load.acceptedPerS), 'higher'],
  ['processed/s, end to end', figure((load) => load.processedPerS), 'higher'],
  ['deliveries/s, end to end', figure((load) => load.deliveries?.deliveredPerS)],
  ['CPU ms/alert, total', figure((load) => load.cpuMsPerAlertTotal), 'lower'],
  ...serviceRows('cpuMsPerAlert'),
  ['  driver, not in total', figure((load) => load.driverCpuMsPerAlert)],
  ['kB read/alert, rows', figure((load) => load.bytesPerAlert / 1000), 'lower'],
  ['kB read/alert, video server', figure((load) => (load.served && load.served.bytesPerAlert / 1000) || undefined)],
  ['requests/alert', figure((load) => load.served?.requestsPerAlert)],
  ['connections/1,000 alerts', figure((load) => load.served?.connectionsPer1000)],
  ['POST saturated, ms: p50', figure((load) => load.postMs?.p50)],
  ['  p95', figure((load) => load.postMs?.p95)],
  ['  p99', figure((load) => load.postMs?.p99)],
  ['POST at 300/s, ms: p50', figure((load) => load.postMs?.p50, 'steady')],
  ['  p95', figure((load) => load.postMs?.p95, 'steady')],
  ['  p99', figure((load) => load.postMs?.p99, 'steady')],
  ['end to end, half, ms: p50', figure((load) => load.endToEndMs?.p50, 'half')],
  ['  p95', figure((load) => load.endToEndMs?.p95, 'half')],
  ['idle, row final, ms: p50', figure((load) => load.endToEndMs?.p50, 'idle')],
  ['idle, polled final, ms: p50', figure((load) => load.polledFinalMs?.p50, 'polled')],
  ['peak memory, MiB: total', figure((load) => Object.values(load.peakMib).reduce((sum, mib) => sum + mib, 0))],
  ...serviceRows('peakMib'),
  ['wrong', (comparison) => sumOfLoads(comparison, (load) => load.wrong)],
  ['missing', (comparison) => sumOfLoads(comparison, (load) => load.missing)],
  ['undelivered', (comparison) => sumOfLoads(comparison, (load) => load.deliveries?.undelivered ?? 0)],
  ['refused', (comparison) => sumOfLoads(comparison, (load) => load.refused)],
];

function sumOfLoads(comparison: Comparison, read: (load: LoadResult) => number): number {
  const { saturated, steady, half, idle, polled } = comparison;
  return [saturated, steady, half, idle, polled].reduce((sum, load) => sum + (load === null ? 0 : read(load)), 0);
}

const LABEL_WIDTH = 28;
const COLUMN_WIDTH = 8;
const WIDE_LABEL_WIDTH = 36;
const WIDE_COLUMN_WIDTH = 12;

/** Returns the report as text, at most 100 columns wide. */
export function renderReport(report: Report): string {
  const { machine, command } = report;
  const head = [
    command,
    `${machine.at.slice(0, 16).replace('T', ' ')} UTC, ${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB`,
    `node ${machine.node}${machine.commit && `, commit ${machine.commit}`}, driver on the same machine, median of ${report.runs}`,
    `reference: SHA-256 of 64 MiB took ${machine.referenceMs.map((ms) => ms.toFixed(0)).join(', then ')} ms`,
  ];
  const backends = [...new Set(report.comparisons.map(({ backend }) => backend))];
  return [
    head.join('\n'),
    ...backends.map((name) => renderComparisons(report.comparisons.filter(({ backend }) => backend === name))),
    ...(report.probes.length > 0 ? [renderProbes(report.probes)] : []),
    ...(report.dataSizes.length > 0 ? [renderDataSizes(report.dataSizes)] : []),
    ...(report.soak.length > 0 ? [renderSoak(report.soak)] : []),
  ].join('\n\n');
}

/** One column per set of videos; with a baseline, its column and the ratio follow. */
function renderComparisons(comparisons: Comparison[]): string {
  const current = comparisons.filter(({ worker }) => worker === 'current');
  const baselineOf = (of: Comparison) => comparisons.find(({ set, worker }) => set === of.set && worker === 'baseline');
  const cells = ([, read, better]: Row, comparison: Comparison) => {
    const baseline = baselineOf(comparison);
    const [value, baselineValue] = [read(comparison), baseline && read(baseline)];
    if (!baseline) return [format(value)];
    const ratio = better === 'higher' ? divide(value, baselineValue) : divide(baselineValue, value);
    return [format(value), format(baselineValue), better && ratio ? `${format(ratio)}x` : ''];
  };
  const names = current.flatMap((each) => (baselineOf(each) ? [each.set, 'base', 'ratio'] : [each.set]));
  const line = (label: string, columns: string[]) =>
    (label.padEnd(LABEL_WIDTH) + columns.map((text) => text.padStart(COLUMN_WIDTH)).join('')).trimEnd();
  const [first] = comparisons;
  return [
    `queue on ${first?.backend}, videos from ${first?.videoServer}`,
    current.map(({ set }) => `${set}: ${SET_TITLES[set]}`).join('; '),
    line('', names),
    ...ROWS.map((row) =>
      line(
        row[0],
        current.flatMap((each) => cells(row, each)),
      ),
    ),
  ].join('\n');
}

function divide(dividend: number | undefined, divisor: number | undefined): number | undefined {
  return dividend && divisor ? dividend / divisor : undefined;
}

function renderProbes(probes: ProbeCost[]): string {
  const line = (method: string, video: string, cells: string[]) =>
    method.padEnd(LABEL_WIDTH) + video.padEnd(16) + cells.map((cell) => cell.padStart(11)).join('');
  return [
    line('one probe at a time', 'video', ['CPU ms', 'ms', 'kB', 'requests']),
    ...probes.map(({ method, video, cpuMs, ms, bytes, requests }) =>
      line(method, video, [cpuMs, ms, bytes / 1000, requests].map(format)),
    ),
  ].join('\n');
}

function renderDataSizes(results: DataSizeResult[]): string {
  const line = (label: string, cells: string[]) =>
    label.padEnd(WIDE_LABEL_WIDTH) + cells.map((cell) => cell.padStart(WIDE_COLUMN_WIDTH)).join('');
  const row = (label: string, read: (result: DataSizeResult) => number | undefined) =>
    line(
      label,
      results.map((result) => format(read(result))),
    );
  const queries = results[0]?.queries ?? [];
  const largest = results.at(-1)?.sizes ?? [];
  const mbPerMillion = ({ rows, sizes }: DataSizeResult, relation: string) =>
    ((sizes.find(({ name }) => name === relation)?.mb ?? Number.NaN) / rows) * 1_000_000;
  return [
    line(
      'rows stored before',
      results.map(({ rows }) => rows.toLocaleString('en-US')),
    ),
    row('processed/s, end to end', ({ saturated }) => saturated.processedPerS),
    row('CPU ms/alert, total', ({ saturated }) => saturated.cpuMsPerAlertTotal),
    row('  postgres', ({ saturated }) => saturated.cpuMsPerAlert.postgres),
    row('POST at 300/s, ms: p50', ({ steady }) => steady.postMs?.p50),
    row('  p95', ({ steady }) => steady.postMs?.p95),
    ...queries.map(({ name }, index) => row(`${name}, ms: p50`, (result) => result.queries[index]?.p50)),
    line('MB per million rows', []),
    ...largest.map(({ name }) => row(`  ${name}`, (result) => mbPerMillion(result, name))),
    row(
      'wrong or missing',
      ({ saturated, steady }) => saturated.wrong + saturated.missing + steady.wrong + steady.missing,
    ),
  ].join('\n');
}

function renderSoak(results: SoakResult[]): string {
  const line = (cells: string[]) => cells.map((cell) => cell.padStart(WIDE_COLUMN_WIDTH)).join('');
  return [
    line(['alerts', 'api MiB', 'worker MiB', 'redis MiB', 'processed/s', 'wrong', 'missing']),
    ...results.map(({ alerts, apiMib, workerMib, redisMib, processedPerS, wrong, missing }) =>
      line([
        alerts.toLocaleString('en-US'),
        ...[apiMib, workerMib, redisMib ?? undefined, processedPerS, wrong, missing].map(format),
      ]),
    ),
  ].join('\n');
}

function format(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
