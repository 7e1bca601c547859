import type { FaultKind } from './faults.ts';

// What the harness saw, as plain data: times are milliseconds since 1970, of the one clock of this machine.

/** What becomes of an alert on a sample video. */
export type Expected = { resolution: string } | { failure: string };

export type Sent = { uuid: string; store: string; video: string; expected: Expected };

/** One answer of an api. `retryAfter`: whether it had that header. */
export type Answer = { uuid: string; from: number; to: number; status: number; retryAfter: boolean };

/**
 * A request without an answer. `refused`: no connection was made, so no api had it. `cut`: the connection ended first.
 * `timeout`: nobody said anything for as long as the client waits.
 */
export type Unanswered = { uuid: string; from: number; to: number; kind: 'refused' | 'cut' | 'timeout' };

/** How one process of a service ended. `asked`: the signal that the run had sent. */
export type Exit = { by: string; at: number; asked: string | undefined; how: string; lastWords: string };

/** A line that the store was told. `by`: the incarnation that printed it, as `worker-1.3`. */
export type Told = { store: string; told: string; at: number; by: string };

/** What the hand did. `hit`: the incarnation that was hit, where it was a process. */
export type Blow = { kind: FaultKind; hit: string | undefined; from: number; to: number };

/** A row as it stands. */
export type Row = {
  uuid: string;
  status: string;
  resolution: string | null;
  failureCode: string | null;
  attempts: number;
  notifiedAt: number | null;
};

/** A row as a change left it. `by`: the incarnation that made the change. */
export type Change = Row & { at: number; by: string; processedAt: number | null };

/** A job that is still to be done although its row is done. */
export type Leftover = { uuid: string; state: string };

export type History = {
  sent: Sent[];
  answers: Answer[];
  unanswered: Unanswered[];
  told: Told[];
  blows: Blow[];
  exits: Exit[];
};

/** All that the judge is given. `outOfTime`: the run was ended by its time limit. */
export type Evidence = History & { rows: Row[]; changes: Change[]; leftovers: Leftover[]; outOfTime: boolean };

export function newHistory(): History {
  return { sent: [], answers: [], unanswered: [], told: [], blows: [], exits: [] };
}

const NOTIFICATION = /^\[Notification\] Store: (\S+) \| (?:Date: [^|]+ \| (?:Resolution: |Failed: (?=\w)))?([^(]*)/;

/** Notes a notification, a misshapen one too; any other line of a worker is none of the ledger's business. */
export function noteLine(ledger: History, line: string, by: string): void {
  const [, store, told] = NOTIFICATION.exec(line) ?? [];
  if (store !== undefined && told !== undefined) ledger.told.push({ store, told: told.trim(), at: Date.now(), by });
}
