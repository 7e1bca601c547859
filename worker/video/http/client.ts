import { Pool } from 'undici';
import { failureOf, isConnectionClosed } from './failures.ts';
import { createPinnedConnector, type PinnedConnector, type Tls } from './pinned-connector.ts';
import { type RangeRequest, ResponseHandler, type VideoResponse } from './response-handler.ts';

export type VideoClientOptions = {
  /** Scheme, host and port of the video server, the only address this client ever connects to. */
  origin: string;
  /** The maximum number of connections; further requests wait for a free one. */
  connections: number;
  /**
   * The longest time without progress, in milliseconds: until a connection is available, until the response headers
   * arrive, until the next bytes arrive. A whole request may take three times as long, which bounds a server that
   * sends a few bytes at a time.
   */
  timeoutMs: number;
  /** Names and values of headers that every request gets, such as credentials. */
  headers?: string[] | undefined;
  /** `ca` replaces the default certificate authorities; `cert` and `key` are the client's. */
  tls?: Tls | undefined;
};

export type VideoClient = {
  readonly origin: URL;
  /**
   * Sends one request and resolves once the response headers arrive. Does not follow redirects and does not decompress.
   * Throws a VideoError or the signal's reason.
   */
  get(request: RangeRequest): Promise<VideoResponse>;
  /** Closes all connections, including those in use. */
  close(): void;
};

/** After a restart of the video server several idle connections may be dead at once. */
const maxReconnects = 3;
/** undici's default of 4 s would reconnect for each alert of a quiet store; nginx keeps connections for 75 s. */
const keepAliveMs = 60_000;

/** Creates a client that keeps its connections open between requests. */
export function createVideoClient(options: VideoClientOptions): VideoClient {
  const { connections, timeoutMs, headers: ownHeaders = [], tls } = options;
  const origin = new URL(options.origin);
  const connector = createPinnedConnector(origin, timeoutMs, tls);
  const pool = openPool(origin, connector, connections);
  const send = (request: RangeRequest): ResponseHandler => {
    const { url, start, end, meter } = request;
    meter.requests += 1;
    const handler = new ResponseHandler(request, { timeoutMs, isNewConnection: () => connector.handingOver });
    const range = `bytes=${start}-${end - 1}`;
    const own = request.headers ?? ['Range', range];
    const headers = ['Accept-Encoding', 'identity', 'User-Agent', 'video-alert-pipeline', ...own, ...ownHeaders];
    // The cheapest of undici's interfaces.
    pool.dispatch({ method: 'GET', path: url.pathname + url.search, headers }, handler);
    return handler;
  };
  return {
    origin,
    async get(request) {
      for (let reconnects = 0; ; reconnects += 1) {
        request.signal.throwIfAborted();
        const handler = send(request);
        try {
          return await handler.response;
        } catch (error) {
          request.signal.throwIfAborted();
          // A server may close an idle connection just as it is reused. It has sent nothing, so send the request again.
          const retry = handler.failedOnReuse && isConnectionClosed(error) && reconnects < maxReconnects;
          if (!retry) throw failureOf(error, handler.progress);
        }
      }
    },
    close() {
      connector.close();
      void pool.destroy();
    },
  };
}

/** undici's timeouts are off: accurate to a second only, they do not cover waiting for a connection. See ResponseHandler. */
function openPool(origin: URL, connector: PinnedConnector, connections: number): Pool {
  return new Pool(origin.origin, {
    connections,
    connect: connector.connect,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
  });
}
