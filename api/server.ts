import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROBLEMS, type ProblemName } from './http/problem.ts';

// Who sends slowly holds a socket, not a handler: 10 s for the headers, 30 s for the whole request, 65 s between two of
// them (over the 60 s of most proxies). Node looks after these times every half minute unless told otherwise. Who takes
// nothing of an answer, or says nothing, is cut off after 65 s; a stream pings and a wait ends long before.
const TIMES = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  timeout: 65_000,
  connectionsCheckingInterval: 1_000,
};

// 16 KiB, Node's own; said because a bigger one is a decision.
const MAX_HEADER_BYTES = 16_384;

// Below the 4,096 descriptors that are left to a process in most places; beyond them connections are closed at once.
const MAX_CONNECTIONS = 4_000;

// Requests sent ahead of the answers before them. Node reads them all, and would keep as many answers for who takes none:
// 64 KB of requests are 1,600 answers. Browsers and proxies send none ahead.
const MAX_AHEAD = 10;

/** The HTTP server of the app. What Node refuses by itself is answered with a problem too. `times`: tests wait less. */
export function createAlertServer(app: RequestListener, times: Partial<typeof TIMES> = {}): Server {
  const sizes = { maxHeaderSize: MAX_HEADER_BYTES };
  // Node's own refusals of a missing Host and of an unknown Expect have no body: the app refuses the one and ignores the other.
  const { timeout, ...nodeTimes } = { ...TIMES, ...times };
  const server = createServer({ ...nodeTimes, ...sizes, requireHostHeader: false });
  server.timeout = timeout;
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  server.maxConnections = MAX_CONNECTIONS;
  const answers = new WeakMap<object, ServerResponse[]>();
  server.on('request', (req, res) => {
    const open = (answers.get(req.socket) ?? []).filter((answer) => !answer.closed);
    answers.set(req.socket, [...open, res]);
    if (open.length > MAX_AHEAD) req.socket.destroy();
    else app(req, res);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = answers.get(socket)?.at(-1);
    const halfSent = answer?.headersSent && !answer.writableFinished;
    // A peer that is gone, or in the middle of an answer, gets none.
    if (error.code === 'ECONNRESET' || !socket.writable || halfSent) {
      socket.destroy();
      return;
    }
    // Not left to its own end: a peer that goes on sending, or never closes, would keep it.
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

// Requests sent before their sender can know that the api stops are still served: without this second 13 of 60
// restarts under load cut one.
const DRAIN_MS = 1_000;

/** Serves a moment longer, then takes no new connection, lets each request end, and closes connections once idle. */
export async function closeServer(server: Server): Promise<void> {
  await sleep(DRAIN_MS);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Node looks for idle connections once, at close(): those whose request ends later would stay for keepAliveTimeout.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(idle);
}
