import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { basename, join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { type Behaviour, behave } from './video-behaviours.ts';

export type VideoServer = {
  /** The URL of a file, served correctly or as a behaviour does. */
  url(file: string, behaviour?: Behaviour): URL;
  readonly origin: string;
  /** In order. `authorized`: with an Authorization header. */
  readonly requests: {
    path: string;
    range: string | undefined;
    acceptEncoding: string | undefined;
    authorized: boolean;
    headers: IncomingHttpHeaders;
  }[];
  /** Sockets accepted so far, and those that are still open. */
  readonly connections: number;
  readonly openSockets: number;
  /** Resolves when every socket is closed. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Key and certificate of the server on HTTPS, for 127.0.0.1 until 2126. Made by `openssl req -x509 -newkey ec
 * -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -addext subjectAltName=IP:127.0.0.1,DNS:localhost`.
 */
export const certificate = join(import.meta.dirname, 'video-server.pem');

/**
 * Starts a video server on 127.0.0.1 that misbehaves on request. `root`: folder of the files. `files`: content by name,
 * which has priority. `port`: 0 for any. `clientCertificates`: only clients with the certificate above may connect.
 */
export async function startVideoServer({
  root,
  files = {},
  port = 0,
  protocol = 'http',
  clientCertificates = false,
}: Files & { port?: number; protocol?: 'http' | 'https'; clientCertificates?: boolean }): Promise<VideoServer> {
  const sockets = new Set<Socket>();
  const requests: VideoServer['requests'] = [];
  let connections = 0;
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    void serve(request, response, requests, { root, files });
  const pem = protocol === 'https' ? readFileSync(certificate) : '';
  const server =
    protocol === 'https'
      ? https.createServer(
          { key: pem, cert: pem, ...(clientCertificates && { ca: pem, requestCert: true }) },
          onRequest,
        )
      : http.createServer(onRequest);
  // Behaviours write to the socket directly: without a listener, the error of a closed one would end the process.
  for (const event of ['connection', 'secureConnection']) server.on(event, (socket) => socket.on('error', () => {}));
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const origin = `${protocol}://127.0.0.1:${await listen(server, port)}`;
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

type Files = { root?: string | undefined; files?: Record<string, Uint8Array> };

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  requests: VideoServer['requests'],
  stored: Files,
): Promise<void> {
  const path = request.url ?? '/';
  const { authorization, range, 'accept-encoding': acceptEncoding } = request.headers;
  requests.push({ path, range, acceptEncoding, authorized: authorization !== undefined, headers: request.headers });
  const requestNumber = requests.filter((earlier) => earlier.path === path).length;
  const file = basename(path.replace(/\?.*/, ''));
  const bytes = await readVideo(stored, file);
  if (bytes === undefined) return void response.writeHead(404).end('no such video');
  const [first, last] = (/^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []).slice(1).map(Number);
  const start = first ?? 0;
  const end = Math.min((last ?? Number.POSITIVE_INFINITY) + 1, bytes.length);
  if (start >= bytes.length)
    return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end('range not satisfiable');
  const origin = `${request.socket instanceof TLSSocket ? 'https' : 'http'}://${request.headers.host}`;
  await behave(path.split('/')[1] ?? '', { request, response, bytes, start, end, requestNumber, file, origin });
}

async function readVideo({ root, files = {} }: Files, file: string): Promise<Buffer | undefined> {
  const bytes = files[file];
  if (bytes !== undefined) return Buffer.from(bytes);
  return root !== undefined && existsSync(join(root, file)) ? readFile(join(root, file)) : undefined;
}

async function listen(server: http.Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (!isTcp(address)) throw new Error('the video server has no TCP address');
  return address.port;
}

function isTcp(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
