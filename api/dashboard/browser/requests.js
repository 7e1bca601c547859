// What the page asks of the api. A refusal is thrown as Refused, in the words of its problem document.

/** @typedef {{ code: string, detail: string, retryable: boolean }} Failure */
/**
 * @typedef {object} Alert As GET /alerts shows it.
 * @property {string} uuid
 * @property {'pending' | 'processing' | 'processed' | 'failed'} status
 * @property {string} video
 * @property {string} store
 * @property {number} timestamp
 * @property {string | null} resolution
 * @property {number | null} rotation
 * @property {string | null} codec
 * @property {string | null} container
 * @property {number | null} duration
 * @property {number} attempts
 * @property {number} bytes_fetched
 * @property {Failure | null} failure
 * @property {string} received_at
 * @property {string | null} processed_at
 * @property {string | null} notified_at
 */
/** @typedef {{ status: string, store: string, failure_code: string, from: string, to: string }} Filter '' where any will do. */
/** @typedef {{ data: Alert[], next_cursor: string | null }} AlertPage */
/** @typedef {{ at: string, received: number, processed: number, failed: number, p50_ms: number | null, p95_ms: number | null }} Minute */
/** @typedef {{ code: string, count: number, newest_at: string, stores: { store: string, count: number }[], other_stores: number }} FailureGroup */
/**
 * @typedef {object} Statistics
 * @property {number} counted
 * @property {boolean} complete
 * @property {Record<Alert['status'], number>} counts
 * @property {string | null} oldest_open_at
 * @property {FailureGroup[]} failures
 * @property {Minute[]} minutes
 */
/**
 * @typedef {object} Timeline
 * @property {string} summary
 * @property {{ step: string, at: string | null, wait_ms: number | null }[]} steps
 * @property {{ for: string, since: string, ms: number } | null} waiting
 * @property {number} total_ms
 * @property {number} attempts
 * @property {number} attempts_before
 * @property {number} crashes
 * @property {string | null} last_fault
 */
/** @typedef {{ matched: number, selected: number, retried: number, dispatch: string, sample: string[] }} Redrive */

/** The api said no, or could not be reached: then `status` is 0. */
export class Refused extends Error {
  /** @param {number} status @param {string} message @param {string} [requestId] */
  constructor(status, message, requestId) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

/** Longer than the api itself waits for its database. */
const PATIENCE_MS = 15_000;

/**
 * @param {string} path
 * @param {{ body?: unknown, method?: string, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} the parsed body, or undefined where there is none
 */
async function ask(path, { body, method = 'GET', signal } = {}) {
  const signals = [AbortSignal.timeout(PATIENCE_MS), ...(signal ? [signal] : [])];
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.any(signals),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, 'The server cannot be reached.');
  }
  const parsed = await answer.json().catch(() => undefined);
  if (answer.ok) return parsed;
  throw new Refused(answer.status, parsed?.detail ?? `The server answered ${answer.status}.`, parsed?.request_id);
}

/** @param {Record<string, string | number | null>} values */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== '' && value !== null);
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** @param {Filter} filter @param {string | null} cursor @param {AbortSignal} signal @returns {Promise<AlertPage>} */
export function listAlerts(filter, cursor, signal) {
  return ask(`/alerts${query({ ...filter, limit: cursor === null ? 100 : 200, cursor })}`, { signal });
}

/** @param {string} uuid @param {AbortSignal} signal @returns {Promise<Alert>} */
export function getAlert(uuid, signal) {
  return ask(`/alerts/${encodeURIComponent(uuid)}`, { signal });
}

/** @param {string} uuid @param {AbortSignal} signal @returns {Promise<Timeline>} */
export function getTimeline(uuid, signal) {
  return ask(`/alerts/${encodeURIComponent(uuid)}/timeline`, { signal });
}

/** @param {{ store: string, from: string, to: string }} of @param {AbortSignal} signal @returns {Promise<Statistics>} */
export function getStatistics(of, signal) {
  return ask(`/alerts/statistics${query(of)}`, { signal });
}

/** @param {string} uuid @returns {Promise<Alert>} */
export function retryOne(uuid) {
  return ask(`/alerts/${encodeURIComponent(uuid)}/retry`, { method: 'POST' });
}

/** @param {Partial<Filter>} filter @param {boolean} dryRun @returns {Promise<Redrive>} */
export function retryMany(filter, dryRun) {
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
  return ask('/alerts/retry', { method: 'POST', body: { filter: given, dry_run: dryRun } });
}
