import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { limitConnections } from '#async/connection-limit.ts';
import { networkOf } from './http/network.ts';
import { Pipelines } from './http/pipelining.ts';
import { PROBLEMS, type ProblemName } from './http/problem.ts';

// A slow sender occupies a socket, not a handler: it gets 10 s for the headers, 30 s for the whole request, and 65 s
// between two requests, longer than the 60 s of most proxies. Node checks these limits every 30 s by default. `timeout`
// closes sockets that are idle for 65 s, such as those of clients that do not read. Streams and waits stay below it.
const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  timeout: 65_000,
  connectionsCheckingInterval: 1_000,
};

// Node's default, written down because raising it is a decision.
const MAX_HEADER_BYTES = 16_384;

// Below the usual limit of 4,096 file descriptors per process. Node closes further connections at once.
const MAX_CONNECTIONS = 4_000;

// Connections of one client. Without a limit, one client can occupy all of them.
const MAX_CONNECTIONS_PER_ADDRESS = 512;

type ServerOptions = {
  timeouts?: Partial<typeof TIMEOUTS>;
  /** true: the connections are those of a reverse proxy, which limits its clients itself. */
  behindProxy?: boolean;
};

/** Returns the HTTP server of the app. It also sends problems for what Node rejects before the app sees it. */
export function createAlertServer(app: RequestListener, options: ServerOptions = {}): Server {
  const { timeout, ...nodeTimeouts } = { ...TIMEOUTS, ...options.timeouts };
  // Node rejects a missing Host and an unknown Expect without a body. The app rejects the former and ignores the latter.
  const server = createServer({ ...nodeTimeouts, maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false });
  server.timeout = timeout;
  server.maxConnections = MAX_CONNECTIONS;
  if (!options.behindProxy) limitConnections(server, MAX_CONNECTIONS_PER_ADDRESS, networkOf);
  const pipelines = new Pipelines();
  server.on('request', pipelines.serve(app));
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const partlySent = socket instanceof Socket && pipelines.isPartlySent(socket);
    if (error.code === 'ECONNRESET' || !socket.writable || partlySent) {
      socket.destroy();
      return;
    }
    // Destroyed, not only ended: a client that keeps sending, or never closes, would occupy the socket.
    socket.end(rawProblem(problemOf(error.code)), () => socket.destroy());
  });
  return server;
}

function problemOf(code: string | undefined): ProblemName {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'too-slow' : 'bad-request';
}

function rawProblem(name: ProblemName): string {
  const [status, title, detail] = PROBLEMS[name];
  const body = JSON.stringify({ type: `/problems/${name}`, title, status, detail, instance: '/', request_id: 'none' });
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'Content-Type: application/problem+json; charset=utf-8'];
  head.push(`Content-Length: ${Buffer.byteLength(body)}`, 'X-Content-Type-Options: nosniff', 'Connection: close');
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

// Clients cannot know that the api is stopping, so requests that arrive during this second are still served. Without it,
// 13 of 60 restarts under load aborted a request.
const DRAIN_MS = 1_000;

/** Serves for one more second, then accepts no connection, finishes all requests and closes idle connections. */
export async function closeServer(server: Server): Promise<void> {
  await sleep(DRAIN_MS);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // close() closes idle connections once. Those that become idle later would stay open for keepAliveTimeout.
  const interval = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(interval);
}
