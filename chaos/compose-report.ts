import type { History } from './history.ts';

/** A change to the running stack. `databaseOutage`: it makes the database unavailable for a while. */
export type Step = { name: string; run: () => Promise<unknown>; databaseOutage?: true };

/** The requests sent during a step. `refused`: counts by reason. */
export type Tally = {
  sent: number;
  accepted: number;
  refused: Map<string, { count: number; excused: boolean }>;
  slowestMs: number;
};

/** An accepted alert. `duringOutage`: its record, notification or mark fell into the database outage. */
export type Accepted = {
  uuid: string;
  store: string;
  resolution: string | null;
  step: Step;
  duringOutage: boolean;
};

export type Outcome = {
  processed: number;
  failed: number;
  lost: Accepted[];
  wrong: Accepted[];
  unnotified: Accepted[];
};

type Run = { tallies: ReadonlyMap<Step, Tally>; accepted: Accepted[]; history: Pick<History, 'notifications'> };

const MAX_VIOLATIONS = 20;

export function renderReport(run: Run, outcome: Outcome): { text: string; passed: boolean } {
  const byStore = Map.groupBy(run.history.notifications, ({ store }) => store);
  const repeated = run.accepted.filter(({ store }) => (byStore.get(store)?.length ?? 0) > 1);
  const { processed, failed, ...lists } = outcome;
  const counts = {
    accepted: run.accepted.length,
    processed,
    failed,
    lost: lists.lost.length,
    wrong: lists.wrong.length,
    unnotified: lists.unnotified.length,
    duplicate_notifications: repeated.length,
  };
  // If the database fails between the notification and its mark in the row, the alert is notified again. Never otherwise.
  const unexplained = repeated.filter(({ duringOutage }) => !duringOutage);
  const violations = [
    ...violationsOfSteps(run.tallies),
    ...Object.entries({ ...lists, 'notified twice': unexplained }).flatMap(([violation, alerts]) =>
      alerts.map(({ uuid, step }) => `${violation}: ${uuid}, sent during ${step.name}`),
    ),
  ];
  const passed = violations.length === 0;
  const summary = passed
    ? 'passed: all invariants held'
    : [`FAILED: ${violations.length} violations`, ...violations.slice(0, MAX_VIOLATIONS)].join('\n  ');
  return { text: `\n${tableOfSteps(run.tallies)}\n\n${JSON.stringify(counts)}\n${summary}\n`, passed };
}

function tableOfSteps(tallies: Run['tallies']): string {
  const line = (name: string, sent: string, accepted: string, slowest: string, refused: string) =>
    `${name.padEnd(24)}${sent.padStart(6)}${accepted.padStart(10)}${slowest.padStart(10)}  ${refused}`;
  const lines = [...tallies].map(([step, { sent, accepted, refused, slowestMs }]) => {
    const reasons = [...refused].map(([reason, { count }]) => `${reason} ×${count}`).join(', ');
    return line(step.name, `${sent}`, `${accepted}`, `${Math.round(slowestMs)} ms`, reasons || '–');
  });
  return [line('step', 'sent', 'accepted', 'slowest', 'refused at first'), ...lines].join('\n');
}

function violationsOfSteps(tallies: Run['tallies']): string[] {
  return [...tallies].flatMap(([step, { sent, accepted, refused }]) => [
    ...[...refused].filter(([, { excused }]) => !excused).map(([reason]) => `${step.name}: ${reason}`),
    ...(accepted < sent ? [`${step.name}: ${sent - accepted} never accepted`] : []),
  ]);
}
