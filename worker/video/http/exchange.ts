import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Meter } from '../types.ts';
import { failureOfExchange, protocolSwitched, tooLong } from './failure.ts';
import { addressOf, agentOptions, pinned } from './pinned-connect.ts';

/** An answer to one GET of a range. `body` must be iterated, once; leaving it early closes the connection. */
export type Exchange = {
  statusCode: number;
  headers: IncomingHttpHeaders;
  /** Throws a VideoError or the signal's reason. */
  body: AsyncGenerator<Uint8Array, void>;
};

/** What is asked: the bytes [start, end) of `url`, which is on the origin of the one who asks. */
export type RangeRequest = { url: URL; start: number; end: number; meter: Meter; signal: AbortSignal };

export type LineOptions = {
  /** The most connections at a time; requests beyond wait for one. */
  connections: number;
  /**
   * The longest silence, in milliseconds: until connected, until the answer, until its next bytes. A whole request may
   * take three times as long, which ends a server that sends drop by drop.
   */
  timeoutMs: number;
};

/** Kept-alive connections to one origin, all closed by `close`. */
export type Line = {
  /** Throws a VideoError or the signal's reason. */
  ask(request: RangeRequest): Promise<Exchange>;
  close(): void;
};

export const userAgent = 'video-alert-pipeline';

/** Over plain HTTP, with nothing between us and node:http, as every alert waits for this. */
export function openHttp(origin: URL, { connections, timeoutMs }: LineOptions): Line {
  const agent = pinned(new http.Agent(agentOptions(connections)), origin);
  const target = { agent, ...addressOf(origin) };
  const fixed = ['Host', origin.host, 'Accept-Encoding', 'identity', 'User-Agent', userAgent];
  async function ask(asked: RangeRequest): Promise<Exchange> {
    const { url, start, end, meter, signal } = asked;
    signal.throwIfAborted();
    meter.requests += 1;
    const headers = [...fixed, 'Range', `bytes=${start}-${end - 1}`];
    const request = http.request({ ...target, path: url.pathname + url.search, headers });
    const watch = new Watch(request, signal, timeoutMs);
    try {
      const response = await watch.answer();
      const { statusCode = 0, headers } = response;
      return { statusCode, headers, body: bodyOf(response, asked, () => watch.heard()) };
    } catch (error) {
      signal.throwIfAborted();
      // The server may close an idle connection at the very moment it is used again; no answer came, so ask anew.
      if (request.reusedSocket && isClosed(error)) return ask(asked);
      throw failureOfExchange(error, 'before the answer');
    }
  }
  return { ask, close: () => agent.destroy() };
}

/** Whether the other side closed the connection, as far as can be told before an answer. */
export function isClosed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** The body of an answer, counted; `heard` is told of every piece. */
export async function* bodyOf(
  pieces: AsyncIterable<Uint8Array>,
  { meter, signal }: RangeRequest,
  heard: () => void = () => {},
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const piece of pieces) {
      heard();
      meter.bytesFetched += piece.length;
      yield piece;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfExchange(error, 'within the body');
  }
}

/** Ends a request that is silent for too long, takes too long in all, or is not wanted any more. */
class Watch {
  readonly #request: ClientRequest;
  #response: IncomingMessage | undefined;
  #phase = 'connect';
  #news = 0;
  readonly #silence: NodeJS.Timeout;

  constructor(request: ClientRequest, signal: AbortSignal, timeoutMs: number) {
    this.#request = request;
    this.#silence = setTimeout(() => this.#late(this.#phase), timeoutMs);
    const total = setTimeout(() => this.#late('request'), 3 * timeoutMs);
    const abort = () => this.#end(new Error('given up'));
    signal.addEventListener('abort', abort, { once: true });
    request.once('close', () => {
      clearTimeout(this.#silence);
      clearTimeout(total);
      signal.removeEventListener('abort', abort);
    });
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => this.#enter('response'));
      else this.#enter('response');
    });
    request.end();
  }

  answer(): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // Not once: it may fail again after the answer, when the body tells of it.
      this.#request.on('error', reject);
      // Node leaves it at that: no answer, no error, no end.
      this.#request.once('upgrade', (_response, socket) => {
        socket.destroy();
        reject(protocolSwitched());
      });
      this.#request.once('response', (response) => {
        this.#response = response;
        // The body's iterator reports every error; between two of its steps nobody listens, and Node would end the process.
        response.on('error', () => {});
        this.#enter('socket');
        resolve(response);
      });
    });
  }

  /** Bytes came. */
  heard(): void {
    // What is read last may be heard of after the end, and would set the timer again.
    if (this.#request.closed) return;
    this.#news += 1;
    this.#silence.refresh();
  }

  #enter(phase: string): void {
    this.#phase = phase;
    this.heard();
  }

  /** After a look at the sockets: a process that was frozen or busy finds its timers run out and the answer there. */
  #late(phase: string): void {
    const news = this.#news;
    setImmediate(() => {
      if (this.#news === news || phase === 'request') this.#end(tooLong(phase));
    });
  }

  #end(error: Error): void {
    (this.#response ?? this.#request).destroy(error);
  }
}
