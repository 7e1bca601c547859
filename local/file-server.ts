import { once } from 'node:events';
import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import send from 'send';
import { z } from 'zod';

/** The only files this window gives out. */
const MIME_TYPES = new Map([
  ['.mp4', 'video/mp4'],
  ['.mov', 'video/quicktime'],
  ['.mkv', 'video/x-matroska'],
  ['.webm', 'video/webm'],
  ['.avi', 'video/x-msvideo'],
]);

const PREFIX = '/videos';
const SLOW_REQUEST_MS = 10_000;
/** Nginx' own limits: keepalive_timeout and send_timeout. */
const KEEP_ALIVE_MS = 75_000;
const IDLE_MS = 60_000;
/** How long a running download may go on after `close`; below the second in which a stop has to be over. */
const CLOSE_GRACE_MS = 250;

/** The environment this room reads. */
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
};

/**
 * The server behind `/videos/<path>`: the videos of a folder, in ranges, answered as Nginx answers.
 * @param options.root absolute path of the folder, free of symbolic links. Links in it may not lead out of it.
 * @param options.slowRequestMs how long a client may take to send its request head.
 */
export function createFileServer(options: { root: string; slowRequestMs?: number }): Server {
  const slowRequestMs = options.slowRequestMs ?? SLOW_REQUEST_MS;
  const server = createServer({
    headersTimeout: slowRequestMs,
    requestTimeout: slowRequestMs,
    connectionsCheckingInterval: slowRequestMs / 10,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.timeout = IDLE_MS;
  server.on('request', (request, response) => void answer(request, response, options.root));
  return server;
}

/**
 * Opens the window; port 0 takes a free one.
 * @throws a sentence for the operator when the folder is missing or the port is taken.
 */
export async function startFileServer(options: { root: string; host: string; port: number }) {
  const { host, port } = options;
  const server = createFileServer({ root: await openFolder(options.root) });
  try {
    await once(server.listen(port, host), 'listening');
  } catch (cause) {
    throw new Error(`the video window cannot listen on ${host}:${port} (VIDEO_PORT): ${reason(cause)}`, { cause });
  }
  const address = server.address();
  const listening = typeof address === 'object' ? address?.port : port;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}`, close: () => closeServer(server) };
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRINUSE' ? 'another program has this port' : String(code ?? error);
}

async function openFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new Error(`there is no folder of videos at ${folder} (VIDEOS_DIR)`);
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

async function answer(request: IncomingMessage, response: ServerResponse, root: string): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, { Allow: 'GET, HEAD' });
  const [target = ''] = (request.url ?? '').split('?');
  const path = decodePath(target);
  if (path === undefined) return refuse(response, 400);
  const type = MIME_TYPES.get(extname(path).toLowerCase());
  if (!type || !path.startsWith(`${PREFIX}/`)) return refuse(response, 404);
  if (!(await liesIn(root, path.slice(PREFIX.length)))) return refuse(response, 404);

  send(request, target.slice(PREFIX.length), { root, index: false, dotfiles: 'ignore', cacheControl: false })
    .on('headers', (_response: ServerResponse, _path: string, stats: Stats) => {
      response.setHeader('Content-Type', type);
      response.setHeader('X-Content-Type-Options', 'nosniff');
      // send's own tag is weak, and a weak one is no ground for joining ranges (RFC 9110, If-Range). This is Nginx'.
      const seconds = Math.floor(stats.mtimeMs / 1000);
      response.setHeader('ETag', `"${seconds.toString(16)}-${stats.size.toString(16)}"`);
    })
    .on('error', ({ status, headers }: { status: number; headers?: Record<string, string> }) =>
      refuse(response, status === 403 ? 404 : status, headers),
    )
    .on('directory', () => refuse(response, 404))
    .pipe(response);
}

/** @returns undefined for what no file name can be: broken percent-encoding, a NUL. */
function decodePath(target: string): string | undefined {
  try {
    const path = decodeURIComponent(target);
    return path.includes('\0') ? undefined : path;
  } catch {
    return undefined;
  }
}

/** Asked of the file system, because a symbolic link can lead out of a folder that the path itself never leaves. */
async function liesIn(root: string, path: string): Promise<boolean> {
  try {
    return (await realpath(join(root, path))).startsWith(root + sep);
  } catch {
    return false;
  }
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
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
  const config = z.object(fileServerFields).safeParse(process.env);
  if (!config.success) throw new Error(`the environment is not usable:\n${z.prettifyError(config.error)}`);
  const { HOST: host, VIDEO_PORT: port, VIDEOS_DIR: root } = config.data;
  const window = await startFileServer({ root, host, port });
  const stop = async () => {
    await window.close();
    if (process.connected) process.disconnect();
  };
  for (const sign of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(sign, stop);
  if (process.send) process.send({ ready: true, url: window.url });
  else process.stdout.write(`videos on ${window.url}${PREFIX}/\n`);
}

if (import.meta.main) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    // The channel to the parent would keep a process alive that has nothing left to do.
    if (process.connected) process.disconnect();
  });
}
