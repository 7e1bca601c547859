import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  bytes: Buffer;
  /** What the Range header asks for, cut at the end of the file; the whole file without one. */
  start: number;
  end: number;
  /** 1 for the first request of this path. */
  turn: number;
  file: string;
  origin: string;
};
type Handler = (exchange: Exchange) => void | Promise<void>;

const wholeHeaders = ({ bytes }: Exchange) => ({ 'content-length': bytes.length, etag: '"1"' });

const partHeaders = ({ bytes, start, end }: Exchange) => ({
  'accept-ranges': 'bytes',
  'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
  'content-length': end - start,
  etag: '"1"',
});

const answer =
  (status: number, headers: http.OutgoingHttpHeaders = {}): Handler =>
  ({ response }) => {
    response.writeHead(status, headers).end('an answer that is no video');
  };

const part =
  (change: (exchange: Exchange) => http.OutgoingHttpHeaders): Handler =>
  (exchange) => {
    const { response, bytes, start, end } = exchange;
    response.writeHead(206, { ...partHeaders(exchange), ...change(exchange) }).end(bytes.subarray(start, end));
  };

const redirect =
  (target: (exchange: Exchange) => string): Handler =>
  (exchange) => {
    exchange.response.writeHead(302, { location: target(exchange) }).end('over there');
  };

async function pour(response: ServerResponse, pauseMs: number, piece: Uint8Array): Promise<void> {
  while (!response.destroyed) {
    response.write(piece);
    await delay(pauseMs);
  }
}

/** How a video server can go wrong: the name is the first segment of the path, `/rangeless/a.mp4`. */
const behaviours = {
  right: part(() => ({})),
  rangeless: (exchange) => {
    exchange.response.writeHead(200, wholeHeaders(exchange)).end(exchange.bytes);
  },
  unsized: ({ response, bytes }) => {
    response.writeHead(200).write(bytes.subarray(0, 10));
    response.end(bytes.subarray(10));
  },
  truncated: (exchange) => {
    const { response, bytes, start, end } = exchange;
    response.writeHead(206, partHeaders(exchange));
    response.write(bytes.subarray(start, (start + end) >> 1), () => response.socket?.end());
  },
  'truncated-whole': (exchange) => {
    const { response, bytes } = exchange;
    response.writeHead(200, wholeHeaders(exchange));
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.end());
  },
  reset: (exchange) => {
    const { response, bytes, start, end } = exchange;
    response.writeHead(206, partHeaders(exchange));
    response.write(bytes.subarray(start, (start + end) >> 1), () => response.socket?.resetAndDestroy());
  },
  'hang-up': ({ request }) => {
    request.socket.destroy();
  },
  'hang-up-when-reused': (exchange) => {
    const { socket } = exchange.request;
    if (socket.listenerCount('reused') > 0) socket.destroy();
    else behaviours.right(exchange);
    socket.on('reused', () => {});
  },
  silent: () => {},
  late: async (exchange) => {
    await delay(1_500);
    behaviours.right(exchange);
  },
  'silent-once': (exchange) => {
    if (exchange.turn > 1) behaviours.right(exchange);
  },
  'silent-later': (exchange) => {
    if (exchange.turn === 1) behaviours.right(exchange);
  },
  stalled: (exchange) => {
    const { response, bytes, start, end } = exchange;
    response.writeHead(206, partHeaders(exchange)).write(bytes.subarray(start, (start + end) >> 1));
  },
  drip: (exchange) => {
    exchange.response.writeHead(206, partHeaders(exchange));
    return pour(exchange.response, 20, new Uint8Array(1));
  },
  endless: ({ response }) => {
    response.writeHead(200);
    return pour(response, 0, new Uint8Array(64 * 1024));
  },
  'endless-part': (exchange) => {
    const { 'content-length': _, ...headers } = partHeaders(exchange);
    exchange.response.writeHead(206, headers);
    return pour(exchange.response, 0, new Uint8Array(64 * 1024));
  },
  missing: answer(404),
  gone: answer(410),
  'missing-truncated': ({ response }) => {
    response.writeHead(404, { 'content-length': 100 });
    response.write('an answer', () => response.socket?.end());
  },
  unauthorized: answer(401),
  forbidden: answer(403),
  refused: answer(400),
  throttled: answer(429, { 'retry-after': '7' }),
  broken: answer(500),
  busy: answer(503, { 'retry-after': new Date(Date.now() + 120_000).toUTCString() }),
  'busy-for-days': answer(503, { 'retry-after': '604800' }),
  'no-content': answer(204),
  'redirect-same': redirect(({ file, origin }) => `${origin}/right/${file}`),
  'redirect-other': redirect(({ file, origin }) => `${origin.replace('127.0.0.1', 'localhost')}/right/${file}`),
  'redirect-loop': redirect(({ file }) => `/redirect-loop/${file}`),
  'redirect-nowhere': redirect(() => 'http://'),
  'other-range': part(({ start, end, bytes }) => ({
    'content-range': `bytes ${start + 1}-${end - 1}/${bytes.length}`,
  })),
  'short-range': part(({ start, end, bytes }) => ({ 'content-range': `bytes ${start}-${end - 2}/${bytes.length}` })),
  'no-range': part(() => ({ 'content-range': 'nonsense' })),
  'lying-size': part(({ start, end, bytes, turn }) => ({
    'content-range': `bytes ${start}-${end - 1}/${bytes.length + turn - 1}`,
  })),
  changing: part(({ turn }) => ({ etag: `"${turn}"` })),
  gzip: part(() => ({ 'content-encoding': 'gzip' })),
  garbage: ({ request }) => {
    request.socket.end('HTTP/1.1 2x0 Fine\r\n\r\n');
  },
} satisfies Record<string, Handler>;

export type Behaviour = keyof typeof behaviours;

export type VideoServer = {
  /** The URL of a file, served rightly or as a behaviour says. */
  url(file: string, behaviour?: Behaviour): URL;
  readonly origin: string;
  /** What was asked, in order. */
  readonly requests: {
    path: string;
    range: string | undefined;
    acceptEncoding: string | undefined;
    authorized: boolean;
  }[];
  /** Sockets accepted so far, and those of them still open. */
  readonly connections: number;
  readonly openSockets: number;
  /** Resolves when no socket is open any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

/**
 * A video server on 127.0.0.1 that misbehaves on request.
 * @param root folder of the files; @param files name → content, before the folder's; @param port 0 for any.
 */
export async function startVideoServer({
  root,
  files = {},
  port = 0,
}: {
  root?: string;
  files?: Record<string, Uint8Array>;
  port?: number;
}): Promise<VideoServer> {
  const sockets = new Set<Socket>();
  const requests: VideoServer['requests'] = [];
  let connections = 0;
  let origin = '';

  const read = async (file: string): Promise<Buffer | undefined> => {
    const bytes = files[file];
    if (bytes !== undefined) return Buffer.from(bytes);
    return root !== undefined && existsSync(join(root, file)) ? readFile(join(root, file)) : undefined;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '/';
    const { range } = request.headers;
    const { authorization, 'accept-encoding': acceptEncoding } = request.headers;
    requests.push({ path, range, acceptEncoding, authorized: authorization !== undefined });
    const turn = requests.filter((earlier) => earlier.path === path).length;
    const file = basename(path);
    const bytes = await read(file);
    const name = path.split('/')[1] ?? '';
    const handler: Handler = isBehaviour(name) ? behaviours[name] : behaviours.right;
    if (bytes === undefined) return void answer(404)({ request, response, turn, file, origin, ...noBytes });
    const [first, last] = (/^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []).slice(1).map(Number);
    const start = first ?? 0;
    const end = Math.min((last ?? Number.POSITIVE_INFINITY) + 1, bytes.length);
    if (start >= bytes.length)
      return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    await handler({ request, response, bytes, start, end, turn, file, origin });
  };

  const server = http.createServer((request, response) => void serve(request, response));
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (!isTcp(address)) throw new Error('the video server has no TCP address');
  origin = `http://127.0.0.1:${address.port}`;

  return {
    url: (file, behaviour = 'right') => new URL(`/${behaviour}/${file}`, origin),
    origin,
    requests,
    get connections() {
      return connections;
    },
    get openSockets() {
      return sockets.size;
    },
    async idle() {
      await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const noBytes = { bytes: Buffer.alloc(0), start: 0, end: 0 };

function isBehaviour(name: string): name is Behaviour {
  return Object.hasOwn(behaviours, name);
}

function isTcp(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
