import { ConnectionError, isRetryable, ProblemError, VideoAlertsError } from './errors.ts';

/** A request that failed and is sent again after `delayMs`. */
export type Retry = { error: VideoAlertsError; attempt: number; delayMs: number };

export type ConnectionOptions = {
  /** The origin of the API, such as `https://alerts.example.com`; a path in front of the API's paths is kept. */
  url: string;
  /** The API key; without one, requests are anonymous, as a server with AUTH=off expects. */
  key?: string | undefined;
  /** How long a call is repeated while the API is unavailable. Default: one minute. */
  timeoutMs?: number | undefined;
  /** Called before each repetition, for a log. */
  onRetry?: ((retry: Retry) => void) | undefined;
  /** Default: the global fetch. */
  fetch?: typeof fetch | undefined;
};

/** Options of a single call. */
export type CallOptions = {
  /** Aborts the call, which then throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Instead of the client's. */
  timeoutMs?: number | undefined;
};

export type Call = CallOptions & {
  method?: 'GET' | 'POST' | 'DELETE';
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** false: only a 429 is repeated, because another request would do the work a second time. Default: true. */
  idempotent?: boolean;
  /** How long the server may delay its response on purpose. */
  holdMs?: number;
  /** true: a browser does not add the ETag of a response in its cache. Default: false. */
  uncached?: boolean;
};

export type Reply = { status: number; headers: Headers; body: unknown };

const TIMEOUT_MS = 60_000;
/** The API responds within 10 s, even if its database does not. */
const RESPONSE_TIMEOUT_MS = 20_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

/** Requests to one API with one key. */
export class Connection {
  readonly #base: string;
  readonly #key: string | undefined;
  readonly #timeoutMs: number;
  readonly #onRetry: (retry: Retry) => void;
  readonly #fetch: typeof fetch;

  constructor({ url, key, timeoutMs = TIMEOUT_MS, onRetry = () => {}, fetch = globalThis.fetch }: ConnectionOptions) {
    const { protocol, href, username, password, search, hash } = new URL(url);
    if (!/^https?:$/.test(protocol) || `${username}${password}${search}${hash}` !== '') {
      throw new TypeError(`url must be the address of the API, such as https://alerts.example.com: ${url}`);
    }
    if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) throw new TypeError('key must be visible ASCII characters');
    this.#base = href.replace(/\/+$/, '');
    this.#key = key;
    this.#timeoutMs = timeoutMs;
    this.#onRetry = onRetry;
    this.#fetch = (...args) => fetch(...args); // browsers require `this` to be the window
  }

  /**
   * Sends a request until it succeeds. Throws the error of the last attempt when the next one would start after the time
   * limit, and at once if another attempt cannot help.
   */
  async call(path: string, call: Call = {}): Promise<Reply> {
    const limit = Date.now() + (call.timeoutMs ?? this.#timeoutMs);
    const init = this.#initOf(call);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(path, init, call, limit - Date.now());
      } catch (error) {
        if (!(error instanceof VideoAlertsError) || !mayRepeat(error, call)) throw error;
        const delayMs = delayAfter(error, attempt);
        if (Date.now() + delayMs >= limit) throw error;
        this.#onRetry({ error, attempt, delayMs });
        await sleep(delayMs, call.signal);
      }
    }
  }

  /** Sends one GET. Resolves with a successful response, whose body the caller reads. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    return this.#send(path, { ...this.#initOf({ headers }), signal });
  }

  #initOf({ method = 'GET', headers: own, body, uncached }: Call): RequestInit {
    const headers = new Headers({ accept: 'application/json, application/problem+json', ...own });
    if (this.#key !== undefined) headers.set('authorization', `Bearer ${this.#key}`);
    if (body !== undefined) headers.set('content-type', 'application/json');
    return {
      method,
      headers,
      redirect: 'manual', // the API never redirects, and the key must not reach another host
      // Without a key, a page of the API's own origin is logged in with a cookie.
      credentials: this.#key === undefined ? 'same-origin' : 'omit',
      ...(uncached && { cache: 'no-store' }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const response = await this.#fetch(`${this.#base}${path}`, init);
    if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
      const target = response.headers.get('location') ?? 'another address';
      throw new VideoAlertsError(`${this.#base} redirects to ${target}: use that as url`);
    }
    if (!response.ok) throw new ProblemError(response.status, await readJson(response), response.headers);
    return response;
  }

  async #attempt(path: string, init: RequestInit, call: Call, leftMs: number): Promise<Reply> {
    const timeoutMs = Math.max(1, Math.min(leftMs, RESPONSE_TIMEOUT_MS + (call.holdMs ?? 0)));
    const limit = new Timeout(timeoutMs, call.signal);
    try {
      const response = await this.#send(path, { ...init, signal: limit.signal });
      const body = response.status === 204 ? undefined : await response.json();
      return { status: response.status, headers: response.headers, body };
    } catch (error) {
      throw this.asError(error, call.signal, limit.passed ? `no response within ${timeoutMs} ms` : undefined);
    } finally {
      limit.close();
    }
  }

  /** Returns what to throw for an error of fetch: the reason of the caller's signal, or a ConnectionError. */
  asError(error: unknown, signal: AbortSignal | undefined, reason?: string): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof VideoAlertsError) return error;
    return new ConnectionError(`${this.#base}: ${reason ?? reasonOf(error)}`, { cause: error });
  }
}

/** A signal that aborts after a time or with another signal. It keeps no timer and no listener after its disposal. */
export class Timeout {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  passed = false;

  constructor(ms: number, outer: AbortSignal | undefined) {
    this.#outer = outer;
    if (outer?.aborted) this.#abort();
    outer?.addEventListener('abort', this.#abort);
    this.restart(ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(ms: number): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.passed = true;
      this.#controller.abort();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  close(): void {
    this.stop();
    this.#outer?.removeEventListener('abort', this.#abort);
    this.#controller.abort();
  }
}

/** Returns the wait before the next attempt: 0.5, 1, 2, … up to 30 s, each up to a quarter shorter; never less than Retry-After. */
export function delayAfter(error: VideoAlertsError, attempt: number): number {
  const backoff = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1)) * (1 - Math.random() / 4);
  return Math.max(backoff, error instanceof ProblemError ? (error.retryAfterMs ?? 0) : 0);
}

/** Resolves after `ms`. Rejects with the signal's reason when it aborts. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

function mayRepeat(error: VideoAlertsError, { idempotent = true }: Call): boolean {
  return idempotent ? isRetryable(error) : error instanceof ProblemError && error.status === 429;
}

async function readJson(response: Response): Promise<unknown> {
  return response.json().catch(() => undefined); // not JSON: a page of a proxy
}

/** Returns why a connection failed. Node hides it in the cause of fetch's error, and there in the code of several attempts. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } }; // anything can be thrown
  return cause?.message || cause?.code || message || String(error);
}
