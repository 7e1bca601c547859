// Requests to the API. The types come from the schemas that the API validates its responses against.

/** @typedef {import('zod').infer<typeof import('../../alerts/schema.ts').alertSchema>} Alert */
/** @typedef {NonNullable<Alert['picture']>} Picture */
/** @typedef {import('zod').infer<typeof import('../../alerts/schema.ts').alertPageSchema>} AlertPage */
/** @typedef {import('zod').infer<typeof import('../../alerts/retry-schema.ts').bulkRetryResponseSchema>} BulkRetry */
/** @typedef {import('zod').infer<typeof import('../../alerts/store-names.ts').storeListSchema>} StoreList */
/** @typedef {import('../../alerts/statistics.ts').Statistics} Statistics */
/** @typedef {import('../../alerts/timeline.ts').Timeline} Timeline */
/** @typedef {Statistics['minutes'][number]} Minute */
/** @typedef {NonNullable<Alert['failure']>['code']} FailureCode */
/** @typedef {{ q: string, status: string, store: string, failure_code: string, held: string, triage: string, from: string, to: string }} Filter An empty string matches everything. */

/** @typedef {{ pointer: string, detail: string }} FieldError `pointer`: a JSON pointer into the request's body, such as `#/config/url`. */

/** A request that failed: with an error status, or with status 0 because there was no response. */
export class RequestError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {FieldError[]} [errors] the fields that the API rejected
   * @param {number} [retryAfterS] the Retry-After of the response
   */
  constructor(status, message, errors = [], retryAfterS = 0) {
    super(message);
    this.status = status;
    this.errors = errors;
    this.retryAfterS = retryAfterS;
  }
}

/** Returns the error itself if a request failed, otherwise wraps it. @param {unknown} error */
export function asRequestError(error) {
  return error instanceof RequestError ? error : new RequestError(0, String(error));
}

/** Longer than the API's own database timeout, so that the API's error message arrives first. */
const TIMEOUT_MS = 15_000;

/**
 * Returns the parsed body, or undefined if there is none. Throws a RequestError with the problem's `detail`.
 * @param {string} path
 * @param {{ body?: unknown, method?: string, headers?: Record<string, string>, cache?: RequestCache, signal?: AbortSignal, timeoutMs?: number }} [options]
 * @returns {Promise<any>}
 */
export async function send(
  path,
  { body, method = 'GET', headers, cache = 'default', signal, timeoutMs = TIMEOUT_MS } = {},
) {
  const signals = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      cache,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      signal: AbortSignal.any(signals),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(0, 'The server cannot be reached.');
  }
  const parsed = await response.json().catch(() => undefined);
  if (signal?.aborted) throw signal.reason;
  if (response.ok && (parsed !== undefined || response.status === 204)) return parsed;
  const message = response.ok
    ? 'The response of the server is incomplete.'
    : (parsed?.detail ?? `The server responded with status ${response.status}.`);
  throw new RequestError(response.status, message, parsed?.errors, Number(response.headers.get('retry-after') ?? 0));
}

/** @param {Record<string, string | number | null>} values */
export function toQuery(values) {
  const present = Object.entries(values).filter(([, value]) => value !== '' && value !== null);
  return present.length === 0 ? '' : `?${new URLSearchParams(present.map(([name, value]) => [name, String(value)]))}`;
}

/** @param {Filter & { oldestFirst: boolean }} filter @param {string | null} cursor @param {AbortSignal} signal @returns {Promise<AlertPage>} */
export function listAlerts({ oldestFirst, ...filter }, cursor, signal) {
  const sort = oldestFirst ? 'received_at' : '';
  const query = toQuery({ ...filter, sort, limit: cursor === null ? 100 : 200, cursor });
  // Not from a replica that lags: the page applies the events that follow.
  return send(`/alerts${query}`, { signal, headers: { 'cache-control': 'no-cache' } });
}

/** @param {string} q @param {AbortSignal} signal @returns {Promise<StoreList>} */
export function findStores(q, signal) {
  return send(`/alerts/stores${toQuery({ q })}`, { signal });
}

/** @param {string} uuid @param {AbortSignal} signal @returns {Promise<Alert>} */
export function getAlert(uuid, signal) {
  // Not from a cache: the page reads an alert after its event, which another api may have sent.
  return send(`/alerts/${encodeURIComponent(uuid)}`, { signal, headers: { 'cache-control': 'no-cache' } });
}

/** @param {string} uuid @param {AbortSignal} signal @returns {Promise<Timeline>} */
export function getTimeline(uuid, signal) {
  return send(`/alerts/${encodeURIComponent(uuid)}/timeline`, { signal });
}

/** @param {{ store: string, from: string, to: string }} filter @param {AbortSignal} signal @returns {Promise<Statistics>} */
export function getStatistics(filter, signal) {
  return send(`/alerts/statistics${toQuery(filter)}`, { signal });
}

/** Requests with the same key start one round of attempts together. @param {string} uuid @param {string} key @returns {Promise<Alert>} */
export function retryAlert(uuid, key) {
  return send(`/alerts/${encodeURIComponent(uuid)}/retry`, { method: 'POST', headers: { 'idempotency-key': key } });
}

/** @param {Partial<Filter>} filter @param {boolean} dryRun @returns {Promise<BulkRetry>} */
export function retryAlerts(filter, dryRun) {
  const present = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
  return send('/alerts/retry', { method: 'POST', body: { filter: present, dry_run: dryRun } });
}
