import type http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export type Exchange = {
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
  'redirect-user': redirect(({ file, origin }) => `${origin.replace('://', '://camera:hunter2@')}/right/${file}`),
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

/** Answers as `name` says; rightly where it is the name of no behaviour. */
export function behave(name: string, exchange: Exchange): void | Promise<void> {
  const handler: Handler = isBehaviour(name) ? behaviours[name] : behaviours.right;
  return handler(exchange);
}

function isBehaviour(name: string): name is Behaviour {
  return Object.hasOwn(behaviours, name);
}
