import { cpus, totalmem } from 'node:os';
import { timeToFinish } from './attempt-checks.ts';
import { acceptedUuids, type Finding } from './checker.ts';
import { repeatedNotifications } from './duplicates.ts';
import { DESTINATION_COUNT } from './faults.ts';
import type { Observation, ReceivedRequest } from './history.ts';
import type { Options } from './options.ts';
import { recoveries, resumptions, type Summary, summarize } from './recovery.ts';
import { undisturbedRecoveries } from './recovery-checks.ts';
import { firstAttemptDurations, repeatedDeliveries } from './repeated-deliveries.ts';

/** The summary of a run. Durations are in milliseconds unless the name says otherwise. */
export type Scoreboard = {
  passed: boolean;
  /** With the rate, even if it is the default. */
  command: string;
  date: string;
  machine: { cores: number; memory_gib: number };
  backend: string;
  scenario: string;
  seed: number;
  seconds: number;
  alerts: Record<string, number>;
  notifications: Record<string, number>;
  /** By status; requests without a response by kind of failure. */
  responses: Record<string, number>;
  faults: Record<string, number>;
  /** Received by all streams of the change feed. */
  events: Record<string, number>;
  /** Records of deliveries by event, and what receivers got. `backlog`: sent again after the run. */
  deliveries: Record<string, number>;
  /** By the receiver's response. */
  received: Record<string, number>;
  /** From the record of a result to the receiver's response, of deliveries that needed one attempt. */
  first_attempt: Summary | undefined;
  /** From the last fault, or the last accepted alert, until the last notification. */
  finished_after_ms: number;
  /** From the kill of a worker that had claimed an alert to that alert's next claim. */
  sigkill_recovery: Record<'undisturbed' | 'all', Summary | undefined>;
  /** From the end of an outage of database or queue to the next claim. */
  work_resumed: Summary | undefined;
  measurements: Record<string, string | number>;
  /** The number of violations of each invariant. */
  invariants: Record<string, number>;
  /** At most 20 sentences per invariant. */
  violations: Record<string, string[]>;
};

export function createScoreboard(
  observation: Observation,
  run: { options: Options; findings: Finding[]; measurements: Scoreboard['measurements']; startedAt: number },
): Scoreboard {
  const { options, findings } = run;
  const violated = findings.filter(({ violations }) => violations.length > 0);
  return {
    passed: violated.length === 0,
    command: commandOf(options),
    date: new Date(run.startedAt).toISOString().slice(0, 10),
    machine: { cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30) },
    backend: options.backend,
    scenario: options.scenario,
    seed: options.seed,
    seconds: Math.round((Date.now() - run.startedAt) / 1_000),
    alerts: {
      sent: observation.sent.length,
      accepted: acceptedUuids(observation).size,
      processed: observation.rows.filter(({ status }) => status === 'processed').length,
      failed: observation.rows.filter(({ status }) => status === 'failed').length,
    },
    notifications: {
      sent: observation.notifications.length,
      repeated: repeatedNotifications(observation).length,
    },
    responses: countResponses(observation),
    faults: countEach(observation.faults.map(({ kind }) => kind)),
    events: countEach(observation.events.map(({ event }) => event)),
    deliveries: {
      ...countEach(observation.deliveries.map(({ event }) => event)),
      delivered: observation.deliveries.filter(({ status }) => status === 'delivered').length,
      repeated: repeatedDeliveries(observation).length,
      backlog: observation.backlog,
    },
    received: countEach(observation.received.map(outcomeOf)),
    first_attempt: summarize(firstAttemptDurations(observation)),
    finished_after_ms: timeToFinish(observation),
    sigkill_recovery: {
      undisturbed: summarize(undisturbedRecoveries(observation).map(({ durationMs }) => durationMs)),
      all: summarize(recoveries(observation).map(({ durationMs }) => durationMs)),
    },
    work_resumed: summarize(resumptions(observation).map(({ durationMs }) => durationMs)),
    measurements: run.measurements,
    invariants: Object.fromEntries(findings.map(({ invariant, violations }) => [invariant, violations.length])),
    violations: Object.fromEntries(violated.map(({ invariant, violations }) => [invariant, violations.slice(0, 20)])),
  };
}

function commandOf({ backend, alerts, seed, scenario, pace, slowdown, rate, destinations, pictures }: Options): string {
  const other = [
    ...(scenario === 'faults' ? [] : [` --scenario ${scenario}`]),
    ...(pace === 1 ? [] : [` --pace ${pace}`]),
    ...(slowdown === 1 ? [] : [` --slowdown ${slowdown}`]),
    ...(destinations === DESTINATION_COUNT ? [] : [` --destinations ${destinations}`]),
    ...(pictures === 'on' ? [] : [' --pictures off']),
  ].join('');
  return `npm run chaos -- --backend ${backend} --alerts ${alerts} --seed ${seed}${other} --rate ${rate.toFixed(1)}`;
}

function countResponses({ responses, failedRequests }: Observation): Record<string, number> {
  return countEach([...responses.map(({ status }) => String(status)), ...failedRequests.map(({ kind }) => kind)]);
}

function outcomeOf({ status, respondedAt }: ReceivedRequest): string {
  return status === undefined || respondedAt === undefined ? 'no response' : String(status);
}

function countEach(words: string[]): Record<string, number> {
  const counts = Object.entries(Object.groupBy(words, (word) => word)).map(([word, all]) => [word, all?.length ?? 0]);
  return Object.fromEntries(counts.toSorted());
}

/** Returns the scoreboard as a Markdown table, followed by the violations. */
export function renderScoreboard(board: Scoreboard): string {
  const { cores, memory_gib } = board.machine;
  const durations = {
    'recovery from SIGKILL, no outage': board.sigkill_recovery.undisturbed,
    'recovery from SIGKILL, all': board.sigkill_recovery.all,
    'work resumed after an outage': board.work_resumed,
    'result to delivery, one attempt': board.first_attempt,
  };
  const faults = Object.values(board.faults).reduce((sum, count) => sum + count, 0);
  const rows = [
    ['alerts', renderCounts(board.alerts)],
    ['notifications', renderCounts(board.notifications)],
    ['responses', renderCounts(board.responses)],
    [`faults (${faults})`, renderCounts(board.faults)],
    ['events', renderCounts(board.events)],
    ['deliveries', renderCounts(board.deliveries)],
    ['requests to receivers', renderCounts(board.received)],
    ['last notification', `${(board.finished_after_ms / 1_000).toFixed(1)} s after the last fault or alert`],
    ...Object.entries(durations).map(([name, summary]) => [name, renderSummary(summary)]),
    ...Object.entries(board.measurements).map(([name, value]) => [name, String(value)]),
    ...Object.entries(board.invariants).map(([name, count]) => [name, count === 0 ? 'held' : `violated ${count}×`]),
    [
      'run',
      `${board.date}, ${board.seconds} s, ${cores} cores, ${memory_gib} GiB, ${board.backend}, seed ${board.seed}`,
    ],
    ['command', `\`${board.command}\``],
  ];
  const table = [['', 'result'], ['---', '---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const violations = Object.entries(board.violations).flatMap(([invariant, sentences]) => [
    '',
    invariant,
    ...sentences.map((sentence) => `  ${sentence}`),
  ]);
  const result = board.passed ? 'passed: all invariants held' : 'FAILED: see the violations above';
  return [...table, ...violations, '', result].join('\n');
}

function renderCounts(counts: Record<string, number>): string {
  const words = Object.entries(counts).map(([word, count]) => `${word} ${count}`);
  return words.join(', ') || 'none';
}

function renderSummary(summary: Summary | undefined): string {
  if (!summary) return 'none';
  const { p50, max, count } = summary;
  return `median ${(p50 / 1_000).toFixed(1)} s, maximum ${(max / 1_000).toFixed(1)} s, count ${count}`;
}
