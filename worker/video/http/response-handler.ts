import type { Dispatcher } from 'undici';
import type { Meter } from '../types.ts';
import { failureOf, type Progress, type TimeoutPhase, timeoutOf } from './failures.ts';

/** A request for the bytes [start, end) of `url`, which is on the client's origin. */
export type RangeRequest = {
  url: URL;
  start: number;
  end: number;
  meter: Meter;
  signal: AbortSignal;
  /** Names and values of the headers of a signed request, Range included. */
  headers?: string[] | undefined;
};

export type ResponseHeaders = Record<string, string | string[] | undefined>;

/** A response whose headers have arrived. Its body must be read: until then it holds a connection. */
export type VideoResponse = {
  statusCode: number;
  headers: ResponseHeaders;
  /** Body bytes that have arrived so far. */
  readonly receivedBytes: number;
  /**
   * Reads the body. Once more than `maxBytes` have arrived, closes the connection and resolves with what has arrived,
   * which may be up to one socket read (64 KiB) more. Throws a VideoError or the signal's reason.
   */
  read(maxBytes: number): Promise<Buffer>;
};

type HandlerOptions = {
  timeoutMs: number;
  /** Whether the request that starts right now is the first one on its connection. */
  isNewConnection: () => boolean;
};

/** Receives undici's events for one request; ends it when it stalls, takes too long, is aborted or has sent enough. */
export class ResponseHandler implements Dispatcher.DispatchHandler {
  readonly #request: RangeRequest;
  readonly #options: HandlerOptions;
  readonly #head = Promise.withResolvers<VideoResponse>();
  readonly #body = Promise.withResolvers<Buffer>();
  readonly #chunks: Buffer[] = [];
  readonly #stallTimer: NodeJS.Timeout;
  readonly #totalTimer: NodeJS.Timeout;
  readonly #onAbort = () => this.#abandon(this.#request.signal.reason);
  #controller: Dispatcher.DispatchController | undefined;
  #phase: Exclude<TimeoutPhase, 'total'> = 'connect';
  #progress: Progress = 'nothing';
  #reused = false;
  #events = 0;
  #receivedBytes = 0;
  #maxBytes = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(request: RangeRequest, options: HandlerOptions) {
    this.#request = request;
    this.#options = options;
    this.#stallTimer = setTimeout(() => this.#timeOut(this.#phase), options.timeoutMs);
    this.#totalTimer = setTimeout(() => this.#timeOut('total'), 3 * options.timeoutMs);
    request.signal.addEventListener('abort', this.#onAbort, { once: true });
    // Rejected along with `response` when nobody reads the body.
    this.#body.promise.catch(() => {});
  }

  get response(): Promise<VideoResponse> {
    return this.#head.promise;
  }

  /** How much of the response has arrived. */
  get progress(): Progress {
    return this.#progress;
  }

  /** Whether the request was written to a connection that had served another, and nothing arrived. */
  get failedOnReuse(): boolean {
    return this.#reused && this.#progress === 'nothing';
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Abandoned while waiting for a connection. Throwing skips this request; `controller.abort` would close the connection.
    if (this.#ended) throw new Error('abandoned before it was sent');
    this.#controller = controller;
    this.#reused = !this.#options.isNewConnection();
    this.#enter('headers');
  }

  onResponseStarted(): void {
    this.#progress = 'status line';
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: ResponseHeaders): void {
    // Informational; the final response follows.
    if (statusCode < 200) return;
    this.#progress = 'headers';
    this.#enter('body');
    const receivedBytes = () => this.#receivedBytes;
    this.#head.resolve({
      statusCode,
      headers,
      get receivedBytes() {
        return receivedBytes();
      },
      read: (maxBytes) => this.#read(maxBytes),
    });
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#request.meter.bytesFetched += chunk.length;
    this.#receivedBytes += chunk.length;
    this.#chunks.push(chunk);
    this.#noteProgress();
    if (this.#receivedBytes > this.#maxBytes) this.#stop();
  }

  onResponseEnd(): void {
    if (!this.#end()) return;
    // undici frees the connection in a `setImmediate` that it schedules after this call. The next request must come
    // later, or it would open another connection.
    queueMicrotask(() => setImmediate(() => this.#body.resolve(this.#bytes())));
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(error);
  }

  async #read(maxBytes: number): Promise<Buffer> {
    this.#maxBytes = maxBytes;
    if (this.#receivedBytes > maxBytes) this.#stop();
    try {
      return await this.#body.promise;
    } catch (error) {
      this.#request.signal.throwIfAborted();
      throw failureOf(error, this.#progress);
    }
  }

  /** Resolves with what has arrived and closes the connection. */
  #stop(): void {
    if (!this.#end()) return;
    this.#body.resolve(this.#bytes());
    this.#controller?.abort(new Error('enough bytes have arrived'));
  }

  /** Fails the request and closes its connection. */
  #abandon(error: unknown): void {
    if (this.#ended) return;
    this.#fail(error);
    this.#controller?.abort(new Error('abandoned'));
  }

  #fail(error: unknown): void {
    if (!this.#end()) return;
    this.#head.reject(error);
    this.#body.reject(error);
  }

  /** Releases timers and listener; false if the request had ended before. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#stallTimer);
    clearTimeout(this.#totalTimer);
    this.#request.signal.removeEventListener('abort', this.#onAbort);
    return true;
  }

  #bytes(): Buffer {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
  }

  #enter(phase: Exclude<TimeoutPhase, 'total'>): void {
    this.#phase = phase;
    this.#noteProgress();
  }

  #noteProgress(): void {
    this.#events += 1;
    this.#stallTimer.refresh();
  }

  /** Reads the sockets once more first: after a freeze, expired timers run before data that has long arrived. */
  #timeOut(phase: TimeoutPhase): void {
    const events = this.#events;
    setImmediate(() => {
      const stalled = this.#events === events || phase === 'total';
      if (stalled) this.#abandon(timeoutOf(phase, this.#options.timeoutMs));
    });
  }
}
