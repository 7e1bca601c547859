import type { Flow, Grown, Measured, ProbeCost, Report, Soaked } from './report.ts';
import { SET_TITLES } from './video-sets.ts';

type Row = [label: string, of: (measured: Measured) => number | undefined, ratio?: 'more' | 'less'];

const flow = (
  pick: (flow: Flow) => number | undefined,
  which: 'most' | 'steady' | 'half' | 'lone' | 'asked' = 'most',
) => {
  return (measured: Measured) => {
    const found = measured[which];
    return found === null ? undefined : pick(found);
  };
};
const KIND_ROWS = {
  api: 'api',
  worker: 'worker',
  postgres: 'postgres',
  redis: 'redis',
  videoServer: 'video server',
} as const;
const kindRows = (of: 'cpuMsPerAlert' | 'peakMib'): Row[] =>
  (['api', 'worker', 'postgres', 'redis', 'videoServer'] as const).map((kind) => [
    `  ${KIND_ROWS[kind]}`,
    flow((f) => f[of][kind]),
  ]);

const ROWS: Row[] = [
  ['accepted/s', flow((f) => f.acceptedPerS), 'more'],
  ['processed/s, end to end', flow((f) => f.processedPerS), 'more'],
  ['CPU ms/alert, in all', flow((f) => f.cpuMsPerAlertInAll), 'less'],
  ...kindRows('cpuMsPerAlert'),
  ['  driver, not counted above', flow((f) => f.driverCpuMsPerAlert)],
  ['kB read/alert, rows', flow((f) => f.bytesPerAlert / 1000), 'less'],
  ['kB read/alert, video server', flow((f) => (f.served && f.served.bytesPerAlert / 1000) || undefined)],
  ['requests/alert', flow((f) => f.served?.requestsPerAlert)],
  ['connections/1,000 alerts', flow((f) => f.served?.connectionsPer1000)],
  ['POST at most, ms: p50', flow((f) => f.postMs?.p50)],
  ['  p95', flow((f) => f.postMs?.p95)],
  ['  p99', flow((f) => f.postMs?.p99)],
  ['POST at 300/s, ms: p50', flow((f) => f.postMs?.p50, 'steady')],
  ['  p95', flow((f) => f.postMs?.p95, 'steady')],
  ['  p99', flow((f) => f.postMs?.p99, 'steady')],
  ['end to end at half, ms: p50', flow((f) => f.endToEndMs?.p50, 'half')],
  ['  p95', flow((f) => f.endToEndMs?.p95, 'half')],
  ['lone, row final, ms: p50', flow((f) => f.endToEndMs?.p50, 'lone')],
  ['lone, seen by GET, ms: p50', flow((f) => f.seenFinalMs?.p50, 'asked')],
  ['peak memory, MiB: in all', flow((f) => Object.values(f.peakMib).reduce((sum, mib) => sum + mib, 0))],
  ...kindRows('peakMib'),
  ['wrong', (measured) => total(measured, (f) => f.wrong)],
  ['missing', (measured) => total(measured, (f) => f.missing)],
  ['refused', (measured) => total(measured, (f) => f.refused)],
];

function total({ most, steady, half, lone, asked }: Measured, pick: (flow: Flow) => number): number {
  return [most, steady, half, lone, asked].reduce((sum, each) => sum + (each === null ? 0 : pick(each)), 0);
}

const LABEL = 28;
const COLUMN = 8;
const WIDE = 12;
const WIDE_LABEL = 36;

/** The report for people, at most 100 columns wide. */
export function tableOf(report: Report): string {
  const { machine, command } = report;
  const head = [
    command,
    `${machine.at.slice(0, 16).replace('T', ' ')} UTC, ${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB`,
    `node ${machine.node}${machine.commit && `, commit ${machine.commit}`}, driver on the same machine, median of ${report.runs}`,
    `yardstick: SHA-256 of 64 MiB took ${machine.yardstickMs.map((ms) => ms.toFixed(0)).join(', then ')} ms`,
  ];
  const backends = [...new Set(report.measured.map(({ backend }) => backend))];
  const parts = backends.map((backend) => tableOfBackend(report.measured.filter((each) => each.backend === backend)));
  const probes = report.probes.length > 0 ? [tableOfProbes(report.probes)] : [];
  const growth = report.growth.length > 0 ? [tableOfGrowth(report.growth)] : [];
  const soak = report.soak.length > 0 ? [tableOfSoak(report.soak)] : [];
  return [head.join('\n'), ...parts, ...probes, ...growth, ...soak].join('\n\n');
}

function tableOfBackend(measured: Measured[]): string {
  const ours = measured.filter(({ worker }) => worker === 'ours');
  const baselineOf = (of: Measured) => measured.find(({ set, worker }) => set === of.set && worker === 'baseline');
  const cells = (row: Row, each: Measured) => {
    const [, of, ratio] = row;
    const baseline = baselineOf(each);
    const [mine, its] = [of(each), baseline && of(baseline)];
    if (!baseline) return [shown(mine)];
    return [
      shown(mine),
      shown(its),
      ratio && mine && its ? `${shown(ratio === 'more' ? mine / its : its / mine)}x` : '',
    ];
  };
  const names = ours.flatMap((each) => (baselineOf(each) ? [each.set, 'base', 'ratio'] : [each.set]));
  const line = (label: string, columns: string[]) =>
    (label.padEnd(LABEL) + columns.map((text) => text.padStart(COLUMN)).join('')).trimEnd();
  const [first] = measured;
  const titles = ours.map(({ set }) => `${set}: ${SET_TITLES[set]}`).join('; ');
  return [
    `queue on ${first?.backend}, videos from ${first?.videoServer}`,
    titles,
    line('', names),
    ...ROWS.map((row) =>
      line(
        row[0],
        ours.flatMap((each) => cells(row, each)),
      ),
    ),
  ].join('\n');
}

function tableOfProbes(probes: ProbeCost[]): string {
  const line = (path: string, video: string, cells: string[]) =>
    path.padEnd(LABEL) + video.padEnd(16) + cells.map((cell) => cell.padStart(11)).join('');
  return [
    line('one probe at a time', 'video', ['CPU ms', 'ms', 'kB', 'requests']),
    ...probes.map(({ path, video, cpuMs, ms, bytes, requests }) =>
      line(path, video, [cpuMs, ms, bytes / 1000, requests].map(shown)),
    ),
  ].join('\n');
}

function tableOfGrowth(growth: Grown[]): string {
  const row = (label: string, of: (grown: Grown) => number | undefined) =>
    label.padEnd(WIDE_LABEL) + growth.map((grown) => shown(of(grown)).padStart(WIDE)).join('');
  const questions = growth[0]?.questions ?? [];
  return [
    'rows stored already'.padEnd(WIDE_LABEL) +
      growth.map(({ rows }) => rows.toLocaleString('en-US').padStart(WIDE)).join(''),
    row('processed/s, end to end', ({ most }) => most.processedPerS),
    row('CPU ms/alert, in all', ({ most }) => most.cpuMsPerAlertInAll),
    row('  postgres', ({ most }) => most.cpuMsPerAlert.postgres),
    row('POST at 300/s, ms: p50', ({ steady }) => steady.postMs?.p50),
    row('  p95', ({ steady }) => steady.postMs?.p95),
    ...questions.map(({ name }, index) => row(`${name}, ms: p50`, ({ questions: all }) => all[index]?.p50)),
    row('wrong or missing', ({ most, steady }) => most.wrong + most.missing + steady.wrong + steady.missing),
  ].join('\n');
}

function tableOfSoak(soak: Soaked[]): string {
  const line = (cells: string[]) => cells.map((cell) => cell.padStart(WIDE)).join('');
  return [
    line(['alerts', 'api MiB', 'worker MiB', 'redis MiB', 'processed/s', 'wrong', 'missing']),
    ...soak.map(({ alerts, apiMib, workerMib, redisMib, processedPerS, wrong, missing }) =>
      line([
        alerts.toLocaleString('en-US'),
        ...[apiMib, workerMib, redisMib ?? undefined, processedPerS, wrong, missing].map(shown),
      ]),
    ),
  ].join('\n');
}

function shown(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
