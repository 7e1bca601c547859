import { once } from 'node:events';
import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import send from 'send';
import { z } from 'zod';
import { limitConnections } from '#async/connection-limit.ts';
import { allowedHostsField, isAllowedHost } from '#config/allowed-hosts.ts';
import { parseConfig } from '#config/parse.ts';

/** The only files that are served. */
const MIME_TYPES = new Map([
  ['.mp4', 'video/mp4'],
  ['.mov', 'video/quicktime'],
  ['.mkv', 'video/x-matroska'],
  ['.webm', 'video/webm'],
  ['.avi', 'video/x-msvideo'],
]);

const PREFIX = '/videos';
/** The page's origin in a stack on this machine. Any other page must not read the videos. */
const LOOPBACK_ORIGIN = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const SLOW_REQUEST_MS = 10_000;
/** Nginx' own limits: keepalive_timeout and send_timeout. */
const KEEP_ALIVE_MS = 75_000;
const IDLE_MS = 60_000;
const MAX_CONNECTIONS = 4_000;
const MAX_CONNECTIONS_PER_ADDRESS = 512;
/** How long a running download may continue after `close`: below the second within which a stop must end. */
const CLOSE_GRACE_MS = 250;

/** The environment variables of this program. */
export const fileServerFields = {
  HOST: z.string().min(1).default('127.0.0.1'),
  VIDEO_PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'is not a port number')
    .transform(Number)
    .pipe(z.int().max(65_535))
    .default(8080),
  VIDEOS_DIR: z
    .string()
    .min(1)
    .default(fileURLToPath(new URL('../nginx/videos', import.meta.url))),
  ALLOWED_HOSTS: allowedHostsField,
};

export type FileServerOptions = {
  /** Absolute path of the folder, without symbolic links. Links in it are not followed. */
  root: string;
  /** Names of this host, in addition to localhost and IP addresses. */
  allowedHosts?: readonly string[];
};

/**
 * Returns a server of `/videos/<path>`: the videos of a folder, with ranges, and the same responses as nginx.
 * `slowRequestMs`: how long a client may take to send the request headers.
 */
export function createFileServer(options: FileServerOptions & { slowRequestMs?: number }): Server {
  const slowRequestMs = options.slowRequestMs ?? SLOW_REQUEST_MS;
  const server = createServer({
    headersTimeout: slowRequestMs,
    requestTimeout: slowRequestMs,
    connectionsCheckingInterval: slowRequestMs / 10,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.timeout = IDLE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  limitConnections(server, MAX_CONNECTIONS_PER_ADDRESS);
  server.on('request', (request, response) => {
    const { host } = request.headers; // missing in HTTP/1.0, which no browser uses
    if (host === undefined || isAllowedHost(host, options.allowedHosts ?? []))
      void respond(request, response, options.root);
    else rejectWith(response, 421, {});
  });
  return server;
}

/** Starts the server; port 0 chooses a free one. Throws a sentence for the operator if the folder is missing or the port is in use. */
export async function startFileServer(options: FileServerOptions & { host: string; port: number }) {
  const { host, port } = options;
  const server = createFileServer({ ...options, root: await openFolder(options.root) });
  try {
    await once(server.listen(port, host), 'listening');
  } catch (cause) {
    throw new Error(`The file server cannot listen on ${host}:${port} (VIDEO_PORT): ${reason(cause)}`, { cause });
  }
  const address = server.address();
  const listening = typeof address === 'object' ? address?.port : port;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}`, close: () => closeServer(server) };
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRINUSE' ? 'another program uses this port' : String(code ?? error);
}

async function openFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new Error(`There is no folder of videos at ${folder} (VIDEOS_DIR)`);
  return realpath(folder);
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  const lastResort = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(lastResort);
}

async function respond(request: IncomingMessage, response: ServerResponse, root: string): Promise<void> {
  const cors = corsHeaders(request);
  const reject = (response: ServerResponse, status: number, headers: Record<string, string> = {}) =>
    rejectWith(response, status, { ...cors, ...headers });
  if (request.method !== 'GET' && request.method !== 'HEAD') return reject(response, 405, { Allow: 'GET, HEAD' });
  const [target = ''] = (request.url ?? '').split('?');
  const path = decodePath(target);
  if (path === undefined) return reject(response, 400);
  const type = MIME_TYPES.get(extname(path).toLowerCase());
  if (!type || !path.startsWith(`${PREFIX}/`)) return reject(response, 404);
  const file = path.slice(PREFIX.length);
  if (!(await isRealPath(root, file))) return reject(response, 404);

  // `send` decodes its path. It gets the path that was checked, not the target, which can be encoded differently.
  send(request, encodeURIComponent(file), { root, index: false, dotfiles: 'ignore', cacheControl: false })
    .on('headers', (_response: ServerResponse, _path: string, stats: Stats) => {
      response.setHeader('Content-Type', type);
      response.setHeader('X-Content-Type-Options', 'nosniff');
      for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
      // The tag of `send` is weak, and a weak one does not allow joining ranges (RFC 9110, If-Range). This is nginx's.
      const seconds = Math.floor(stats.mtimeMs / 1000);
      response.setHeader('ETag', `"${seconds.toString(16)}-${stats.size.toString(16)}"`);
    })
    .on('error', ({ status, headers }: { status: number; headers?: Record<string, string> }) =>
      reject(response, status === 403 ? 404 : status, headers),
    )
    .on('directory', () => reject(response, 404))
    .pipe(response);
}

/** Returns undefined for what cannot be a file name: broken percent-encoding, a NUL. */
function decodePath(target: string): string | undefined {
  try {
    const path = decodeURIComponent(target);
    return path.includes('\0') ? undefined : path;
  } catch {
    return undefined;
  }
}

/** Returns whether no part of the path below `root` is a symbolic link, `.` or `..`: a link could point anywhere. */
async function isRealPath(root: string, path: string): Promise<boolean> {
  try {
    return (await realpath(join(root, path))) === root + path.replaceAll('/', sep);
  } catch {
    return false;
  }
}

/** The operator's page plays the videos without cookies (`crossorigin`), which needs the server's permission. */
function corsHeaders({ headers: { origin = '' } }: IncomingMessage): Record<string, string> {
  return LOOPBACK_ORIGIN.test(origin) ? { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' } : { Vary: 'Origin' };
}

function rejectWith(response: ServerResponse, status: number, headers: Record<string, string>): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const body = `${status}\n`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

async function main(): Promise<void> {
  const config = parseConfig(fileServerFields, process.env);
  const { HOST: host, VIDEO_PORT: port, VIDEOS_DIR: root, ALLOWED_HOSTS: allowedHosts } = config;
  const server = await startFileServer({ root, host, port, allowedHosts });
  const stop = async () => {
    await server.close();
    if (process.connected) process.disconnect();
  };
  for (const sign of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(sign, stop);
  if (process.send) process.send({ ready: true, url: server.url });
  else process.stdout.write(`Videos on ${server.url}${PREFIX}/\n`);
}

if (import.meta.main) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    // The channel to the parent would keep this process alive.
    if (process.connected) process.disconnect();
  });
}
