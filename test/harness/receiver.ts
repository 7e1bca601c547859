import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One request as it arrived. `verified`: its signature, against `secrets`, by the specification's own verifier. */
export type Received = {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  verified: boolean;
};

/**
 * What the receiver does with a request.
 * `stall`: never responds; `slow-headers`: a header line every 50 ms, without end; `endless-body`: 200 and bytes without
 * end; `drip`: 200 and then one byte every 50 ms; `cut-body`: 200 and the connection ends in the middle of the body;
 * `cut`: the connection ends before a response; `garbage`: bytes that are not HTTP.
 */
export type Behaviour =
  | { status: number; headers?: Record<string, string>; body?: string }
  | 'stall'
  | 'slow-headers'
  | 'endless-body'
  | 'drip'
  | 'cut-body'
  | 'cut'
  | 'garbage';

export type Receiver = AsyncDisposable & {
  /** http://127.0.0.1:port or https://localhost:port */
  url: string;
  port: number;
  /** Requests in order of arrival. */
  received: Received[];
  /** Requests by webhook-id, to find duplicates. */
  ids(): Map<string, number>;
  /** TCP connections so far. */
  readonly connections: number;
  /** For requests from now on. Default: 204. A function chooses for each request. */
  behave(behaviour: Behaviour | ((request: Received) => Behaviour)): void;
  /** The secrets, `whsec_…`, one of which must have signed a request. */
  trust(...secrets: string[]): void;
  close(): Promise<void>;
};

/** Starts an HTTP receiver of webhooks on 127.0.0.1. With `tls`, it serves https under the name localhost. */
export async function startReceiver(
  options: { tls?: { key: string; cert: string } | undefined; port?: number; host?: string } = {},
): Promise<Receiver> {
  const received: Received[] = [];
  let behaviour: Behaviour | ((request: Received) => Behaviour) = { status: 204 };
  let secrets: string[] = [];
  let connections = 0;
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const entry = await receive(request, secrets);
    received.push(entry);
    respond(typeof behaviour === 'function' ? behaviour(entry) : behaviour, response);
  };
  const safely = (request: IncomingMessage, response: ServerResponse) => {
    listener(request, response).catch(() => response.destroy());
  };
  const server: Server = options.tls ? createTlsServer(options.tls, safely) : createServer(safely);
  server.on('connection', () => {
    connections += 1;
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    port,
    received,
    ids: () => countIds(received),
    get connections() {
      return connections;
    },
    behave: (next) => {
      behaviour = next;
    },
    trust: (...next) => {
      secrets = next;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function receive(request: IncomingMessage, secrets: string[]): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
  const verified = secrets.some((secret) => verifies(secret, body, headers));
  return { method: request.method ?? '', url: request.url ?? '', headers, body, verified };
}

function verifies(secret: string, body: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

function countIds(received: Received[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { headers } of received) {
    const id = headers['webhook-id'];
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function respond(behaviour: Behaviour, response: ServerResponse): void {
  const { socket } = response;
  if (typeof behaviour === 'object') {
    response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body);
    return;
  }
  if (behaviour === 'stall') return;
  if (behaviour === 'cut') {
    socket?.destroy();
  } else if (behaviour === 'garbage') {
    socket?.end('220 mail.example ESMTP\r\n');
  } else if (behaviour === 'slow-headers') {
    socket?.write('HTTP/1.1 200 OK\r\n');
    repeat(response, () => socket?.write('x-more: 1\r\n'));
  } else if (behaviour === 'cut-body') {
    response.writeHead(200, { 'content-length': 1000 }).write('the first part', () => socket?.destroy());
  } else {
    response.writeHead(200).write(behaviour === 'drip' ? '.' : 'x'.repeat(65_536));
    repeat(response, () => response.write(behaviour === 'drip' ? '.' : 'x'.repeat(65_536)));
  }
}

/** Until the client closes the connection. */
function repeat(response: ServerResponse, write: () => void): void {
  const timer = setInterval(write, 50);
  response.once('close', () => clearInterval(timer));
  response.socket?.once('close', () => clearInterval(timer));
}
