import type http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';

export type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  bytes: Buffer;
  /** The requested range, limited to the end of the file; the whole file without a Range header. */
  start: number;
  end: number;
  /** 1 for the first request of this path. */
  requestNumber: number;
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

const respond =
  (status: number, headers: http.OutgoingHttpHeaders = {}): Handler =>
  ({ response }) => {
    response.writeHead(status, headers).end('a response that is not a video');
  };

const respondPartially =
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
    exchange.response.writeHead(302, { location: target(exchange) }).end('moved');
  };

async function writeForever(response: ServerResponse, pauseMs: number, chunk: Uint8Array): Promise<void> {
  while (!response.destroyed) {
    response.write(chunk);
    await delay(pauseMs);
  }
}

/** Writes to the socket, because node:http would refuse it: `head`, and then `chunk` again and again. */
const raw =
  (head: string, chunk: string, pauseMs = 0): Handler =>
  async ({ request: { socket } }) => {
    socket.write(head);
    while (!socket.destroyed) {
      const mayContinue = socket.write(chunk);
      await (mayContinue
        ? delay(pauseMs)
        : new Promise((resolve) => socket.once('drain', resolve).once('close', resolve)));
    }
  };

/** Writes to the socket: the requested range with these headers, followed by `more`. */
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

/** How a video server can fail. The name is the first segment of the path: `/rangeless/a.mp4`. */
const behaviours = {
  right: respondPartially(() => ({})),
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
    if (exchange.requestNumber > 1) behaviours.right(exchange);
  },
  'silent-later': (exchange) => {
    if (exchange.requestNumber === 1) behaviours.right(exchange);
  },
  stalled: (exchange) => {
    const { response, bytes, start, end } = exchange;
    response.writeHead(206, partHeaders(exchange)).write(bytes.subarray(start, (start + end) >> 1));
  },
  drip: (exchange) => {
    exchange.response.writeHead(206, partHeaders(exchange));
    return writeForever(exchange.response, 20, new Uint8Array(1));
  },
  endless: ({ response }) => {
    response.writeHead(200);
    return writeForever(response, 0, new Uint8Array(64 * 1024));
  },
  'endless-part': (exchange) => {
    const { 'content-length': _, ...headers } = partHeaders(exchange);
    exchange.response.writeHead(206, headers);
    return writeForever(exchange.response, 0, new Uint8Array(64 * 1024));
  },
  missing: respond(404),
  gone: respond(410),
  'missing-truncated': ({ response }) => {
    response.writeHead(404, { 'content-length': 100 });
    response.write('a response', () => response.socket?.end());
  },
  unauthorized: respond(401),
  forbidden: respond(403),
  refused: respond(400),
  throttled: respond(429, { 'retry-after': '7' }),
  broken: respond(500),
  busy: respond(503, { 'retry-after': new Date(Date.now() + 120_000).toUTCString() }),
  'busy-for-days': respond(503, { 'retry-after': '604800' }),
  'no-content': respond(204),
  'redirect-same': redirect(({ file, origin }) => `${origin}/right/${file}`),
  'redirect-user': redirect(({ file, origin }) => `${origin.replace('://', '://camera:hunter2@')}/right/${file}`),
  'redirect-other': redirect(({ file, origin }) => `${origin.replace('127.0.0.1', 'localhost')}/right/${file}`),
  'redirect-on': redirect(({ request, file }) => `${request.url}`.replace(file, `on/${file}`)),
  'redirect-to': redirect(({ request, origin }) => `${new URL(`${request.url}`, origin).searchParams.get('to')}`),
  'redirect-loop': redirect(({ file }) => `/redirect-loop/${file}`),
  'redirect-nowhere': redirect(() => 'http://'),
  'other-range': respondPartially(({ start, end, bytes }) => ({
    'content-range': `bytes ${start + 1}-${end - 1}/${bytes.length}`,
  })),
  'short-range': respondPartially(({ start, end, bytes }) => ({
    'content-range': `bytes ${start}-${end - 2}/${bytes.length}`,
  })),
  'no-range': respondPartially(() => ({ 'content-range': 'nonsense' })),
  'lying-size': respondPartially(({ start, end, bytes, requestNumber }) => ({
    'content-range': `bytes ${start}-${end - 1}/${bytes.length + requestNumber - 1}`,
  })),
  changing: respondPartially(({ requestNumber }) => ({ etag: `"${requestNumber}"` })),
  gzip: respondPartially(() => ({ 'content-encoding': 'gzip' })),
  'gzip-bomb': ({ response }) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    return writeForever(response, 0, bomb);
  },
  'unrequested-206': respondPartially(() => ({ 'content-range': undefined })),
  multipart: respondPartially(() => ({
    'content-range': undefined,
    'content-type': 'multipart/byteranges; boundary=x',
  })),
  'length-too-short': rawPart(({ start, end }) => `Content-Length: ${end - start - 100}`),
  'length-too-long': rawPart(({ start, end }) => `Content-Length: ${end - start + 100}`),
  'two-lengths': rawPart(({ start, end }) => `Content-Length: ${end - start}\r\nContent-Length: 7`),
  'length-and-chunks': rawPart(({ start, end }) => `Content-Length: ${end - start}\r\nTransfer-Encoding: chunked`),
  'bad-chunks': rawPart(() => 'Transfer-Encoding: chunked'),
  'second-response': rawPart(
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

/** Responds as the behaviour `name` does; correctly if there is no such behaviour. */
export function behave(name: string, exchange: Exchange): void | Promise<void> {
  const handler: Handler = isBehaviour(name) ? behaviours[name] : behaviours.right;
  return handler(exchange);
}

function isBehaviour(name: string): name is Behaviour {
  return Object.hasOwn(behaviours, name);
}
