import { cpus, totalmem } from 'node:os';
import { acceptedOf, type Finding, undisturbed } from './checker.ts';
import { repeatedLines } from './duplicates.ts';
import type { Evidence } from './history.ts';
import type { Options } from './options.ts';
import { recoveries, resumptions, spread } from './recovery.ts';

type Spread = { count: number; p50: number; max: number };

/** Everything a reader of the README wants to know of a run. Durations in milliseconds where not said otherwise. */
export type Scoreboard = {
  held: boolean;
  /** With its rate, which may be a default. */
  command: string;
  date: string;
  machine: { cores: number; memory_gib: number };
  backend: string;
  scenario: string;
  seed: number;
  seconds: number;
  alerts: Record<string, number>;
  notifications: Record<string, number>;
  answers: Record<string, number>;
  blows: Record<string, number>;
  /** From the kill of a worker that held an alert to that alert's next claim. */
  sigkill_recovery: Record<'undisturbed' | 'all', Spread | undefined>;
  /** From the return of database or queue to the next claim. */
  work_resumed: Spread | undefined;
  measures: Record<string, string | number>;
  promises: Record<string, number>;
  /** At most 20 sentences for each promise. */
  broken: Record<string, string[]>;
};

/** Counts what was seen and what was found. */
export function scoreboardOf(
  evidence: Evidence,
  run: { options: Options; findings: Finding[]; measures: Scoreboard['measures']; began: number },
): Scoreboard {
  const { options, findings } = run;
  const broken = findings.filter((finding) => finding.broken.length > 0);
  return {
    held: broken.length === 0,
    command: commandOf(options),
    date: new Date(run.began).toISOString().slice(0, 10),
    machine: { cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30) },
    backend: options.backend,
    scenario: options.scenario,
    seed: options.seed,
    seconds: Math.round((Date.now() - run.began) / 1_000),
    alerts: {
      sent: evidence.sent.length,
      accepted: acceptedOf(evidence).size,
      processed: evidence.rows.filter(({ status }) => status === 'processed').length,
      failed: evidence.rows.filter(({ status }) => status === 'failed').length,
    },
    notifications: { lines: evidence.told.length, repeated: repeatedLines(evidence).length },
    answers: answersOf(evidence),
    blows: tally(evidence.blows.map(({ kind }) => kind)),
    sigkill_recovery: {
      undisturbed: spread(undisturbed(evidence).map(({ tookMs }) => tookMs)),
      all: spread(recoveries(evidence).map(({ tookMs }) => tookMs)),
    },
    work_resumed: spread(resumptions(evidence).map(({ tookMs }) => tookMs)),
    measures: run.measures,
    promises: Object.fromEntries(findings.map((finding) => [finding.promise, finding.broken.length])),
    broken: Object.fromEntries(broken.map((finding) => [finding.promise, finding.broken.slice(0, 20)])),
  };
}

function commandOf({ backend, alerts, seed, scenario, rate }: Options): string {
  const which = scenario === 'storm' ? '' : ` --scenario ${scenario}`;
  return `npm run chaos -- --backend ${backend} --alerts ${alerts} --seed ${seed}${which} --rate ${rate.toFixed(1)}`;
}

/** By status; a request without an answer by what became of its connection. */
function answersOf({ answers, unanswered }: Evidence): Record<string, number> {
  return tally([...answers.map(({ status }) => String(status)), ...unanswered.map(({ kind }) => kind)]);
}

function tally(words: string[]): Record<string, number> {
  const counts = Object.entries(Object.groupBy(words, (word) => word)).map(([word, all]) => [word, all?.length ?? 0]);
  return Object.fromEntries(counts.toSorted());
}

/** The scoreboard as a table in Markdown, and below it what was broken. */
export function tableOf(board: Scoreboard): string {
  const { cores, memory_gib } = board.machine;
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([word, count]) => `${word} ${count}`)
      .join(', ') || 'none';
  const durations = {
    'recovery from SIGKILL, undisturbed': board.sigkill_recovery.undisturbed,
    'recovery from SIGKILL, in all': board.sigkill_recovery.all,
    'work resumed after database or queue came back': board.work_resumed,
  };
  const recovery = Object.entries(durations).map(([what, all]) => [
    what,
    all ? `${seconds(all.p50)} median, ${seconds(all.max)} at most, of ${all.count}` : 'none',
  ]);
  const blows = Object.values(board.blows).reduce((sum, count) => sum + count, 0);
  const rows = [
    ['alerts', list(board.alerts)],
    ['notifications', list(board.notifications)],
    ['answers', list(board.answers)],
    [`blows (${blows})`, list(board.blows)],
    ...recovery,
    ...Object.entries(board.measures).map(([what, measure]) => [what, String(measure)]),
    ...Object.entries(board.promises).map(([promise, count]) => [promise, count === 0 ? 'held' : `broken ${count}×`]),
    [
      'run',
      `${board.date}, ${board.seconds} s, ${cores} cores, ${memory_gib} GiB, ${board.backend}, seed ${board.seed}`,
    ],
    ['command', `\`${board.command}\``],
  ];
  const table = [['what', 'seen'], ['---', '---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const broken = Object.entries(board.broken).flatMap(([promise, cases]) => [
    '',
    promise,
    ...cases.map((c) => `  ${c}`),
  ]);
  return [...table, ...broken, '', board.held ? 'every promise held' : 'broken'].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
