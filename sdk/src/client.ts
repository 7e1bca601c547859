import { isRetryable, TimeLimitError } from './errors.ts';
import { type EventOptions, readEvents } from './events.ts';
import { type CallOptions, Connection, type ConnectionOptions, sleep } from './http.ts';
import { type KeyClient, keyClient } from './keys.ts';
import { queryString } from './query-string.ts';
import type { Alert, AlertEvent, AlertPage, ListQuery, NewAlert, SentAlert } from './types.ts';

export { ConnectionError, isRetryable, ProblemError, TimeLimitError, VideoAlertsError } from './errors.ts';
export type { EventOptions } from './events.ts';
export type { CallOptions, ConnectionOptions, Retry } from './http.ts';
export type { KeyClient } from './keys.ts';
export type { components, operations, paths } from './openapi.ts';
export type {
  Alert,
  AlertEvent,
  AlertPage,
  CreatedKey,
  EventQuery,
  FieldError,
  Key,
  KeyRotation,
  ListQuery,
  NewAlert,
  NewKey,
  ProblemType,
  RotatedKey,
  SentAlert,
} from './types.ts';

export type WaitOptions = CallOptions & {
  /** Called with each state that is read, the final one included. */
  onState?: ((alert: Alert) => void) | undefined;
};

export type RetryOptions = CallOptions & {
  /** Identifies this intended retry, so that it happens once even if its response is lost. Default: a new uuid. */
  idempotencyKey?: string | undefined;
  /** The ETag of the state in which the alert may be retried. */
  ifMatch?: string | undefined;
};

export type Client = {
  /** Sends an alert. It is repeated with the same uuid while the API is unavailable, which creates no second alert. */
  send(alert: NewAlert, options?: CallOptions): Promise<SentAlert>;
  get(uuid: string, options?: CallOptions): Promise<Alert>;
  /**
   * Returns the alert once it is processed or failed. Throws a TimeLimitError after `timeoutMs`, by default a minute: an
   * alert whose video cannot be read yet stays unfinished for up to 24 hours.
   */
  wait(uuid: string, options?: WaitOptions): Promise<Alert>;
  /** Yields the alerts that match, newest first, page by page as the caller iterates. */
  list(query?: ListQuery, options?: CallOptions): AsyncGenerator<Alert, void, void>;
  /** Yields the same as whole pages. With `q`, `searched_from` of a page says how far back the search went. */
  pages(query?: ListQuery, options?: CallOptions): AsyncGenerator<AlertPage, void, void>;
  /** Yields changes as they happen. It reconnects and continues where it was, until the caller stops iterating. */
  events(options?: EventOptions): AsyncGenerator<AlertEvent, never, void>;
  /** Gives a failed alert a new round of attempts. */
  retry(uuid: string, options?: RetryOptions): Promise<SentAlert>;
  keys: KeyClient;
};

/** Longest wait of one request; the API's limit is 25 s. */
const MAX_WAIT_S = 20;
const WAIT_TIMEOUT_MS = 60_000;
/** From the end of a wait on the server to the response. */
const AFTER_WAIT_MS = 500;

/** Returns a client of one API. It opens no connection by itself and needs no closing. */
export function createClient(options: ConnectionOptions): Client {
  const connection = new Connection(options);
  const onRetry = options.onRetry ?? (() => {});
  const client: Client = {
    async send({ uuid = newUuid(), ...fields }, callOptions) {
      const reply = await connection.call('/alerts', { ...callOptions, method: 'POST', body: { uuid, ...fields } });
      return reply.body as SentAlert; // as in openapi.json, like the bodies below
    },
    async get(uuid, callOptions) {
      return (await connection.call(pathOf(uuid), callOptions)).body as Alert;
    },
    wait: (uuid, waitOptions = {}) => waitUntilFinal(connection, uuid, waitOptions),
    async *list(query, callOptions) {
      for await (const page of client.pages(query, callOptions)) yield* page.data;
    },
    async *pages(query = {}, callOptions) {
      let cursor: string | null | undefined = query.cursor;
      do {
        const path = `/alerts${queryString({ ...query, cursor: cursor ?? undefined })}`;
        const page = (await connection.call(path, callOptions)).body as AlertPage;
        yield page;
        cursor = page.next_cursor;
      } while (cursor !== null);
    },
    events: (eventOptions = {}) => readEvents(connection, eventOptions, onRetry),
    async retry(uuid, { idempotencyKey = newUuid(), ifMatch, ...callOptions } = {}) {
      const headers = { 'idempotency-key': idempotencyKey, ...(ifMatch !== undefined && { 'if-match': ifMatch }) };
      const reply = await connection.call(`${pathOf(uuid)}/retry`, { ...callOptions, method: 'POST', headers });
      return reply.body as SentAlert;
    },
    keys: keyClient(connection),
  };
  return client;
}

async function waitUntilFinal(connection: Connection, uuid: string, options: WaitOptions): Promise<Alert> {
  const { timeoutMs = WAIT_TIMEOUT_MS, signal, onState } = options;
  const limit = Date.now() + timeoutMs;
  let alert: Alert | undefined;
  let cause: unknown;
  for (let leftMs = timeoutMs; leftMs > 0; leftMs = limit - Date.now()) {
    const seconds = Math.min(MAX_WAIT_S, Math.floor((leftMs - AFTER_WAIT_MS) / 1_000));
    const wait = seconds > 0 ? { headers: { prefer: `wait=${seconds}` }, holdMs: seconds * 1_000 } : {};
    try {
      const reply = await connection.call(pathOf(uuid), { ...wait, signal, timeoutMs: leftMs, uncached: true });
      alert = reply.body as Alert;
      onState?.(alert);
      if (alert.status === 'processed' || alert.status === 'failed') return alert;
      // Something in front of the API can ignore the header.
      if (!reply.headers.has('preference-applied'))
        await sleep(Math.min(1_000, Math.max(0, limit - Date.now())), signal);
    } catch (error) {
      if (!isRetryable(error)) throw error;
      cause = error; // the client has repeated the request until now
      break;
    }
  }
  const state = alert ? `is still ${alert.status}` : 'could not be read';
  throw new TimeLimitError(`alert ${uuid} ${state}; the time limit was ${timeoutMs / 1_000} s`, alert, cause);
}

function pathOf(uuid: string): string {
  return `/alerts/${encodeURIComponent(uuid)}`;
}

/** Returns a random UUID. `crypto.randomUUID` is missing in pages that are served over http. */
export function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const variant = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`];
  return [...parts, `${variant.toString(16)}${digits.slice(18, 20)}`, digits.slice(20)].join('-');
}
