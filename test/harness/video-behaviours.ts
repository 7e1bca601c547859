import type http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';

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
    const headers = Object.entries({ ...partHeaders(exchange), ...change(exchange) });
    response.writeHead(206, Object.fromEntries(headers.filter(([, value]) => value !== undefined)));
    response.end(bytes.subarray(start, end));
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

/** Past node:http, which would not let it: `head` and then `piece` again and again. */
const raw =
  (head: string, piece: string, pauseMs = 0): Handler =>
  async ({ request: { socket } }) => {
    socket.write(head);
    while (!socket.destroyed) {
      const room = socket.write(piece);
      await (room ? delay(pauseMs) : new Promise((resolve) => socket.once('drain', resolve).once('close', resolve)));
    }
  };

/** Past node:http: the range asked for under these headers, and `more` behind it. */
const rawPart =
  (headers: (exchange: Exchange) => string, more = ''): Handler =>
  (exchange) => {
    const { request, bytes, start, end } = exchange;
    const range = `Content-Range: bytes ${start}-${end - 1}/${bytes.length}`;
    const head = `HTTP/1.1 206 Partial Content\r\n${range}\r\n${headers(exchange)}\r\n\r\n`;
    request.socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(start, end), Buffer.from(more)]));
  };

const status = 'HTTP/1.1 206 Partial Content\r\n';
/** 16 MiB of zeros. */
const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));

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
    response.write(bytes.subarray(start, (start + end) >> 1), () => {
      const { socket } = response;
      if (socket instanceof TLSSocket) socket.destroy();
      else socket?.resetAndDestroy();
    });
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
  'redirect-on': redirect(({ request, file }) => `${request.url}`.replace(file, `on/${file}`)),
  'redirect-to': redirect(({ request, origin }) => `${new URL(`${request.url}`, origin).searchParams.get('to')}`),
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
  'gzip-bomb': ({ response }) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    return pour(response, 0, bomb);
  },
  'unasked-206': part(() => ({ 'content-range': undefined })),
  multipart: part(() => ({ 'content-range': undefined, 'content-type': 'multipart/byteranges; boundary=x' })),
  'length-too-short': rawPart(({ start, end }) => `Content-Length: ${end - start - 100}`),
  'length-too-long': rawPart(({ start, end }) => `Content-Length: ${end - start + 100}`),
  'two-lengths': rawPart(({ start, end }) => `Content-Length: ${end - start}\r\nContent-Length: 7`),
  'length-and-chunks': rawPart(({ start, end }) => `Content-Length: ${end - start}\r\nTransfer-Encoding: chunked`),
  'bad-chunks': rawPart(() => 'Transfer-Encoding: chunked'),
  'second-answer': rawPart(
    ({ start, end }) => `Content-Length: ${end - start}\r\nETag: "1"`,
    `${status}Content-Range: bytes 0-3/4\r\nContent-Length: 4\r\n\r\nevil`,
  ),
  'endless-headers': raw(status, `X-Header: ${'x'.repeat(1000)}\r\n`),
  'dripping-headers': raw(status, 'X-Header: x\r\n', 20),
  'endless-trailers': raw(
    `${status}Content-Range: bytes 0-0/1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`,
    `X-Trailer: ${'x'.repeat(1000)}\r\n`,
  ),
  continuing: raw('', 'HTTP/1.1 100 Continue\r\n\r\n'),
  hinting: raw('', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'),
  switching: raw('HTTP/1.1 101 Switching Protocols\r\nUpgrade: video\r\nConnection: Upgrade\r\n\r\n', 'x', 20),
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
