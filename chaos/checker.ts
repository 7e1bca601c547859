import { unexplainedDuplicates } from './duplicates.ts';
import { type Away, FAULTS, isOutage } from './faults.ts';
import type { Blow, Change, Evidence, Expected, Row, Sent, Unanswered } from './history.ts';
import { type Recovery, recoveries, resumptions } from './recovery.ts';

/** What the house owes in this run beside what it owes in every one. */
export type Terms = {
  /** Nothing but orderly restarts: no attempt, no connection and no exit code may show them. */
  gentle: boolean;
};

/** One promise, and each case in which it was broken, as a sentence. */
export type Finding = { promise: string; broken: string[] };

/** After its return the database has this long until everything works again: the longest time out plus a second try. */
const RESUME_MS = 15_000;
const RECOVERY_LIMIT_MS = 20_000;
/** The reconciler's own limit for what a flushed queue has forgotten. */
const FLUSH_RECOVERY_MS = 60_000;
/** A worker's start on two busy cores, and its first look for jobs of the vanished. */
const REPLACEMENT_MS = 5_000;

/** Evidence, sorted. */
type Case = {
  evidence: Evidence;
  rows: Map<string, Row[]>;
  changes: Map<string, Change[]>;
  accepted: Set<string>;
};

type Finder = (c: Case) => string[];

/** Holds what was seen against what was promised. Pure. */
export function judge(evidence: Evidence, terms: Terms): Finding[] {
  const c: Case = {
    evidence,
    rows: Map.groupBy(evidence.rows, ({ uuid }) => uuid),
    changes: Map.groupBy(evidence.changes, ({ uuid }) => uuid),
    accepted: acceptedOf(evidence),
  };
  const promises = terms.gentle ? { ...PROMISES, ...GENTLE_PROMISES } : PROMISES;
  return Object.entries(promises).map(([promise, find]) => ({ promise, broken: find(c) }));
}

/** The uuids that were answered with 202 or 200. */
export function acceptedOf({ answers }: Pick<Evidence, 'answers'>): Set<string> {
  return new Set(answers.filter(({ status }) => status === 202 || status === 200).map(({ uuid }) => uuid));
}

const PROMISES: Record<string, Finder> = {
  'every alert is accepted in the end': ({ evidence, accepted }) =>
    evidence.sent.filter(({ uuid }) => !accepted.has(uuid)).map((sent) => `${name(sent)} was never accepted`),
  'lost 0': lost,
  'stuck 0': ({ evidence }) =>
    evidence.rows
      .filter((row) => !isFinal(row) || row.notifiedAt === null)
      .map((row) => `${row.uuid} is ${row.status}, ${row.notifiedAt === null ? 'not ' : ''}notified`),
  'wrong 0': wrong,
  'duplicate records 0': duplicateRecords,
  'every alert is told': untold,
  'no duplicate without a blow between line and mark': ({ evidence }) =>
    unexplainedDuplicates(evidence, (from, to) => isAway('database', evidence.blows, from, to)),
  'no 5xx but 503 while the database is away': serverErrors,
  'no answer that a good client does not deserve': ({ evidence }) =>
    evidence.answers
      .filter(({ status }) => status < 500 && status !== 200 && status !== 202)
      .map(({ uuid, status }) => `${uuid} was withQueueTimeout with ${status}`),
  'no request without an answer while the database is there': hanging,
  'nothing left in the queue': ({ evidence }) =>
    evidence.leftovers.map(({ uuid, state }) => `the job of ${uuid} is still ${state}`),
  'no process ends by itself': ({ evidence }) =>
    evidence.exits
      .filter(({ asked }) => asked === undefined)
      .map(({ by, how, lastWords }) => `${by} ended by itself (${how}): ${lastWords}`),
  'recovery from SIGKILL within 20 s': ({ evidence }) =>
    recoveries(evidence)
      .map((recovery) => ({
        ...recovery,
        allowedMs: RECOVERY_LIMIT_MS + outageAllowance(evidence, recovery) + successorAllowance(evidence, recovery),
      }))
      .filter(({ tookMs, allowedMs }) => tookMs > allowedMs)
      .map(({ uuid, by, tookMs, allowedMs }) => `${uuid}, held by ${by}, waited ${tookMs} of ${allowedMs} ms`),
  'work resumes within 15 s': ({ evidence }) =>
    resumptions(evidence)
      .filter(({ tookMs }) => tookMs > RESUME_MS)
      .map(({ kind, tookMs }) => `after ${kind}, nothing was claimed for ${tookMs} ms`),
  'the run ends within its time': ({ evidence }) =>
    evidence.outOfTime ? ['the time limit ended the run: see --minutes'] : [],
};

const GENTLE_PROMISES: Record<string, Finder> = {
  'no restart uses up an attempt': ({ evidence, rows }) =>
    evidence.sent.flatMap((sent) => {
      const attempts = rows.get(sent.uuid)?.[0]?.attempts ?? 1;
      // The worker itself asks again for a missing video.
      return attempts === 1 || isMissing(sent.expected) ? [] : [`${name(sent)} took ${attempts} attempts`];
    }),
  'no request under way is cut': ({ evidence, changes }) =>
    evidence.unanswered
      .filter((request) => wasUnderWay(request, changes.get(request.uuid)))
      .map(({ uuid, kind, from, to }) => `${uuid} was under way: ${kind} after ${to - from} ms`),
  'SIGTERM ends in exit code 0': ({ evidence }) =>
    evidence.exits
      .filter(({ asked, how }) => asked === 'SIGTERM' && how !== 'exit code 0')
      .map(({ by, how }) => `${by}: ${how}`),
};

/** A request ends in milliseconds: one that was cut later had been read. */
const UNREAD_MS = 500;

/**
 * Of two ways to be cut only one is a broken promise: the row was stored, or the api was at it for long. A kept connection
 * that the api closes as idle at the moment of the next request, or one that it had not yet taken from the kernel when it
 * stopped listening, ends at once and has stored nothing; a client sends again, as after a refused one.
 */
function wasUnderWay({ kind, from, to }: Unanswered, history: Change[] = []): boolean {
  if (kind === 'refused') return false;
  return to - from > UNREAD_MS || history.some(({ at }) => at >= from && at <= to);
}

function lost({ accepted, rows }: Case): string[] {
  return [...accepted].flatMap((uuid) => {
    const [row] = rows.get(uuid) ?? [];
    if (!row) return [`${uuid} was accepted and has no row`];
    return isFinal(row) ? [] : [`${uuid} was accepted and is ${row.status}`];
  });
}

function wrong(c: Case): string[] {
  const told = Map.groupBy(c.evidence.told, ({ store }) => store);
  return c.evidence.sent.flatMap((sent) => {
    const right = 'resolution' in sent.expected ? sent.expected.resolution : sent.expected.failure;
    const [row] = c.rows.get(sent.uuid) ?? [];
    const recorded = row && isFinal(row) ? (row.resolution ?? row.failureCode) : undefined;
    const lines = (told.get(sent.store) ?? []).map((line) => line.told);
    return [...new Set([recorded ?? right, ...lines])]
      .filter((said) => said !== right && !isExcused(c, sent, said))
      .map((said) => `${name(sent)} came out as ${said} instead of ${right}`);
  });
}

/**
 * A missing video spends its attempts on waiting for its upload: where the window is away during the last of them, that
 * is its true end.
 */
function isExcused({ evidence, changes }: Case, { uuid, expected }: Sent, said: string): boolean {
  if (!isMissing(expected) || said !== 'video_server_unreachable') return false;
  const history = changes.get(uuid) ?? [];
  const claimed = history.findLast(({ status }) => status === 'processing')?.at ?? 0;
  const ended = history.find(isFinal)?.at ?? Number.POSITIVE_INFINITY;
  return isAway('window', evidence.blows, claimed, ended);
}

function duplicateRecords({ rows, changes }: Case): string[] {
  const twice = [...rows].flatMap(([uuid, all]) => (all.length > 1 ? [`${uuid} has ${all.length} rows`] : []));
  const rewritten = [...changes].flatMap(([uuid, history]) => {
    const first = history.find(isFinal);
    const changed = history.slice(first ? history.indexOf(first) : history.length).find((later) => !same(first, later));
    return changed ? [`the record of ${uuid} was written again by ${changed.by}`] : [];
  });
  return [...twice, ...rewritten];
}

function same(first: Change | undefined, later: Change): boolean {
  const fields = ['status', 'resolution', 'failureCode', 'processedAt', 'attempts'] as const;
  return fields.every((field) => first?.[field] === later[field]);
}

function untold({ evidence, rows }: Case): string[] {
  const stores = new Set(evidence.told.map(({ store }) => store));
  return evidence.sent
    .filter(({ uuid, store }) => rows.get(uuid)?.some(isFinal) && !stores.has(store))
    .map((sent) => `${name(sent)} is final and no line was printed`);
}

function serverErrors({ evidence }: Case): string[] {
  return evidence.answers
    .filter(({ status }) => status >= 500)
    .filter(
      ({ status, retryAfter, from, to }) =>
        !(status === 503 && retryAfter && isAway('database', evidence.blows, from, to)),
    )
    .map(({ uuid, status }) => `${uuid} was withQueueTimeout with ${status}`);
}

function hanging({ evidence }: Case): string[] {
  return evidence.unanswered
    .filter(({ kind, from, to }) => kind === 'timeout' && !isAway('database', evidence.blows, from, to))
    .map(({ uuid, from, to }) => `${uuid} waited ${to - from} ms in vain`);
}

/** Recoveries that no outage prolonged. */
export function undisturbed(evidence: Evidence): Recovery[] {
  return recoveries(evidence).filter((recovery) => outageAllowance(evidence, recovery) === 0);
}

/**
 * By how much, in milliseconds, outages may prolong a recovery: each by its own length and the time in which work resumes,
 * a queue that was flushed since the alert was received by the time in which the reconciler sends again what it forgot.
 */
function outageAllowance({ blows }: Evidence, { receivedAt, at, tookMs }: Recovery): number {
  return blows
    .filter(
      ({ kind, from, to }) => isOutage(kind) && from <= at + tookMs && to >= (kind === 'flush queue' ? receivedAt : at),
    )
    .reduce((sum, { kind, from, to }) => sum + (kind === 'flush queue' ? FLUSH_RECOVERY_MS : to - from + RESUME_MS), 0);
}

/** And by how much blows at the other worker may: each by the time in which that one cannot take over. */
function successorAllowance({ blows }: Evidence, { by, at, tookMs }: Recovery): number {
  return blows
    .filter(({ kind, hit, from, to }) => FAULTS[kind].on === 'worker' && hit !== by && from <= at + tookMs && to >= at)
    .reduce((sum, { from, to }) => sum + to - from + REPLACEMENT_MS, 0);
}

/** Whether it was away, or had been so shortly before, at any time between `from` and `to`. */
function isAway(what: Away, blows: Blow[], from: number, to: number): boolean {
  return blows.some((blow) => {
    const { on } = FAULTS[blow.kind];
    return on === what && blow.from <= to && blow.to + RESUME_MS >= from;
  });
}

function isFinal({ status }: Pick<Row, 'status'>): boolean {
  return status === 'processed' || status === 'failed';
}

function isMissing(expected: Expected): boolean {
  return 'failure' in expected && expected.failure === 'video_not_found';
}

function name({ uuid, video }: Sent): string {
  return `${uuid} (${video})`;
}
