import { mayEndAsCrashed, repeatedMarks, timeToFinish, unjustifiedCrashes } from './attempt-checks.ts';
import { isFull, isUnavailable } from './availability.ts';
import { DELIVERY_INVARIANTS } from './delivery-checks.ts';
import { unexplainedDuplicates } from './duplicates.ts';
import { eventViolations } from './event-checks.ts';
import type { Change, ExpectedResult, FailedRequest, Observation, Row, SentAlert } from './history.ts';
import { resumptions } from './recovery.ts';
import { slowRecoveries } from './recovery-checks.ts';

export type CheckOptions = {
  /** Only orderly restarts were made: they must not show in attempts, connections or exit codes. */
  onlyRestarts: boolean;
};

/** An invariant and its violations, one sentence each. */
export type Finding = { invariant: string; violations: string[] };

/** The observation, indexed. */
type Indexed = {
  observation: Observation;
  rows: Map<string, Row[]>;
  changes: Map<string, Change[]>;
  accepted: Set<string>;
};

type Invariant = (indexed: Indexed) => string[];

/** The api has waited in vain for the whole request. The client sends it again. */
const REQUEST_TIMEOUT = 408;
/** headersTimeout of api/server.ts. A faster 408 ends a connection on which no request had arrived for this time. */
const HEADERS_TIMEOUT_MS = 10_000;

/** Returns one finding per invariant. Pure. */
export function checkInvariants(observation: Observation, { onlyRestarts }: CheckOptions): Finding[] {
  const indexed: Indexed = {
    observation,
    rows: Map.groupBy(observation.rows, ({ uuid }) => uuid),
    changes: Map.groupBy(observation.changes, ({ uuid }) => uuid),
    accepted: acceptedUuids(observation),
  };
  const invariants = onlyRestarts ? { ...INVARIANTS, ...RESTART_INVARIANTS } : INVARIANTS;
  const ofDeliveries = observation.destinations.length > 0 ? DELIVERY_INVARIANTS : {};
  return [
    ...Object.entries(invariants).map(([invariant, check]) => ({ invariant, violations: check(indexed) })),
    ...Object.entries(ofDeliveries).map(([invariant, check]) => ({ invariant, violations: check(observation) })),
  ];
}

/** Returns the uuids of the alerts that got 202 or 200. */
export function acceptedUuids({ responses }: Pick<Observation, 'responses'>): Set<string> {
  return new Set(responses.filter(({ status }) => status === 202 || status === 200).map(({ uuid }) => uuid));
}

const INVARIANTS: Record<string, Invariant> = {
  'every alert is eventually accepted': ({ observation, accepted }) =>
    observation.sent.filter(({ uuid }) => !accepted.has(uuid)).map((sent) => `${label(sent)} was never accepted`),
  'no accepted alert is lost': lostAlerts,
  'no alert is stuck': ({ observation }) =>
    observation.rows
      .filter((row) => !isFinal(row) || row.notifiedAt === null)
      .map((row) => `${row.uuid} is ${row.status}, ${row.notifiedAt === null ? 'not ' : ''}notified`),
  'no result is wrong': wrongResults,
  'no alert ends as worker_crashed unless its workers crashed': ({ observation, changes }) =>
    unjustifiedCrashes(observation, changes),
  'no record is written twice': duplicateRecords,
  'no attempt is marked as notified twice': ({ changes }) => repeatedMarks(changes),
  'every final alert is notified': missingNotifications,
  'every processed alert ends with a picture or a reason': ({ observation }) =>
    observation.unpictured.map(({ uuid, picture }) => `the picture of ${uuid} is ${picture ?? 'missing'}`),
  'no duplicate notification without a fault before its mark': ({ observation }) =>
    unexplainedDuplicates(observation, (from, to) => isUnavailable('database', observation, from, to)),
  'every stream receives every final event exactly once': ({ observation }) => eventViolations(observation),
  'no 5xx except 503 while the database is unavailable or Redis is full': serverErrors,
  'no valid request is rejected': ({ observation }) =>
    observation.responses
      .filter(({ status }) => status < 500 && ![200, 202, REQUEST_TIMEOUT].includes(status))
      .map(({ uuid, status }) => `${uuid} got ${status}`),
  'no request times out while the database responds': timedOutRequests,
  'no job is left in the queue': ({ observation }) =>
    observation.leftoverJobs.map(({ uuid, state }) => `the job of ${uuid} is still ${state}`),
  'no process exits by itself': ({ observation }) =>
    observation.exits
      .filter(({ sent }) => sent === undefined)
      .map(({ process, how, lastLines }) => `${process} exited by itself (${how}): ${lastLines}`),
  'the alert of a killed worker is claimed again in time': ({ observation }) => slowRecoveries(observation),
  'work resumes in time after an outage': ({ observation }) =>
    resumptions(observation)
      .filter(({ durationMs }) => durationMs > observation.limits.resume)
      .map(({ kind, durationMs }) => `after ${kind}, nothing was claimed for ${durationMs} ms`),
  'every alert is notified in time after the last fault': ({ observation }) => {
    const ms = timeToFinish(observation);
    return ms > observation.limits.finish ? [`the last one was notified after ${ms} ms`] : [];
  },
  'the run ends within its time limit': ({ observation }) =>
    observation.timedOut ? ['the time limit ended the run: see --minutes'] : [],
};

const RESTART_INVARIANTS: Record<string, Invariant> = {
  'no restart uses up an attempt': ({ observation, rows }) =>
    observation.sent.flatMap((sent) => {
      const attempts = rows.get(sent.uuid)?.[0]?.attempts ?? 1;
      // The worker itself retries a missing video.
      return attempts === 1 || isMissingVideo(sent.expected) ? [] : [`${label(sent)} took ${attempts} attempts`];
    }),
  'no request in progress is cut': ({ observation, changes }) =>
    observation.failedRequests
      .filter((request) => wasInProgress(request, changes.get(request.uuid)))
      .map(({ uuid, kind, from, to }) => `${uuid} was in progress: ${kind} after ${to - from} ms`),
  'SIGTERM leads to exit code 0': ({ observation }) =>
    observation.exits
      .filter(({ sent, how }) => sent === 'SIGTERM' && how !== 'exit code 0')
      .map(({ process, how }) => `${process}: ${how}`),
};

/** A request ends within milliseconds: if one was cut later than this, the api had read it. */
const UNREAD_MS = 500;

/**
 * Returns whether a cut request violates the invariant: its row was stored, or the api worked on it for long. An idle
 * connection that the api closes just as the next request arrives, or a connection that it had not yet accepted when it
 * stopped listening, ends at once and has stored nothing; the client retries as after a refused connection.
 */
function wasInProgress({ kind, from, to }: FailedRequest, changes: Change[] = []): boolean {
  if (kind === 'refused') return false;
  return to - from > UNREAD_MS || changes.some(({ at }) => at >= from && at <= to);
}

function lostAlerts({ accepted, rows }: Indexed): string[] {
  return [...accepted].flatMap((uuid) => {
    const [row] = rows.get(uuid) ?? [];
    if (!row) return [`${uuid} was accepted and has no row`];
    return isFinal(row) ? [] : [`${uuid} was accepted and is ${row.status}`];
  });
}

function wrongResults(indexed: Indexed): string[] {
  const notifications = Map.groupBy(indexed.observation.notifications, ({ store }) => store);
  return indexed.observation.sent.flatMap((sent) => {
    const expected = 'resolution' in sent.expected ? sent.expected.resolution : sent.expected.failure;
    const [row] = indexed.rows.get(sent.uuid) ?? [];
    const recorded = row && isFinal(row) ? (row.resolution ?? row.failureCode) : undefined;
    const notified = (notifications.get(sent.store) ?? []).map(({ result }) => result);
    return [...new Set([recorded ?? expected, ...notified])]
      .filter((result) => result !== expected && !isExcused(indexed, sent, result))
      .map((result) => `${label(sent)} got ${result} instead of ${expected}`);
  });
}

/** Returns whether another result is correct, too: `worker_crashed` after enough crashes. */
function isExcused({ observation, changes }: Indexed, { uuid }: SentAlert, result: string): boolean {
  return result === 'worker_crashed' && mayEndAsCrashed(changes.get(uuid) ?? [], observation);
}

function duplicateRecords({ rows, changes }: Indexed): string[] {
  const duplicateRows = [...rows].flatMap(([uuid, all]) => (all.length > 1 ? [`${uuid} has ${all.length} rows`] : []));
  const rewritten = [...changes].flatMap(([uuid, ofAlert]) => {
    const first = ofAlert.find(isFinal);
    const afterFirst = ofAlert.slice(first ? ofAlert.indexOf(first) : ofAlert.length);
    const changed = afterFirst.find((later) => !isSameRecord(first, later));
    return changed ? [`the record of ${uuid} was written again by ${changed.by}`] : [];
  });
  return [...duplicateRows, ...rewritten];
}

function isSameRecord(first: Change | undefined, later: Change): boolean {
  const fields = ['status', 'resolution', 'failureCode', 'processedAt', 'attempts'] as const;
  return fields.every((field) => first?.[field] === later[field]);
}

function missingNotifications({ observation, rows }: Indexed): string[] {
  const notified = new Set(observation.notifications.map(({ store }) => store));
  return observation.sent
    .filter(({ uuid, store }) => rows.get(uuid)?.some(isFinal) && !notified.has(store))
    .map((sent) => `${label(sent)} is final and was not notified`);
}

function serverErrors({ observation }: Indexed): string[] {
  return observation.responses
    .filter(({ status }) => status >= 500)
    .filter(
      ({ status, retryAfter, from, to }) =>
        !(
          status === 503 &&
          retryAfter &&
          (isUnavailable('database', observation, from, to) ||
            isFull(observation, from, to) ||
            to - from >= observation.limits.slowConnection)
        ),
    )
    .map(({ uuid, status }) => `${uuid} got ${status}`);
}

function timedOutRequests({ observation }: Indexed): string[] {
  const { failedRequests, responses, faults, limits } = observation;
  // A database that responds, but cannot write, is no reason to let a client wait.
  const silent = { faults: faults.filter(({ kind }) => kind !== 'lock table' && kind !== 'fail writes'), limits };
  const timedOut = [
    ...failedRequests.filter(({ kind }) => kind === 'timeout'),
    ...responses.filter(({ status, from, to }) => status === REQUEST_TIMEOUT && to - from >= HEADERS_TIMEOUT_MS),
  ];
  return timedOut
    .filter(({ from, to }) => !isUnavailable('database', silent, from, to))
    .map(({ uuid, from, to }) => `${uuid} got no response within ${to - from} ms`);
}

function isFinal({ status }: Pick<Row, 'status'>): boolean {
  return status === 'processed' || status === 'failed';
}

function isMissingVideo(expected: ExpectedResult): boolean {
  return 'failure' in expected && expected.failure === 'video_not_found';
}

function label({ uuid, video }: SentAlert): string {
  return `${uuid} (${video})`;
}
