import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './ports.ts';
import { type Process, startProcess } from './process.ts';
import { findTestProgram } from './system-packages.ts';
import { waitFor } from './wait.ts';

const FOLDER = join(import.meta.dirname, '../../nginx');

/** A request that reached the api. `disconnected`: its event stream was closed by the client. */
export type ApiRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & { disconnected?: boolean };

export type PublicEndpointOptions = {
  /** Variables of nginx/start.sh. */
  env?: Record<string, string>;
  /** Size of a memory file system for the bodies that nginx writes, as in "1m". Needs root. Default: a folder. */
  bodySpace?: string;
  /** The ports of apis that run already. Default: one that only echoes. */
  apis?: number[];
  /** The folder of pictures and copies. */
  mediaFolder?: string;
};

/** The reverse proxy of nginx/ in front of an api that only echoes. */
export type PublicEndpoint = {
  /** On 127.0.0.1: the api, the videos, and HTTP and HTTPS of tls.conf. */
  ports: { api: number; videos: number; http: number; https: number };
  /** The certificate, which is its own authority. */
  ca: string;
  /** Of the configuration, the certificate and the served files. */
  folder: string;
  /** What reached the api, in order. */
  requests: ApiRequest[];
  stopApi(): Promise<void>;
  /** Starts the api again on its port. */
  startApi(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Starts nginx with nginx.conf and tls/tls.conf, in which only ports, folders and the api's address are changed. Returns
 * what to install if nginx or openssl is missing.
 */
export async function startPublicEndpoint(
  options: PublicEndpointOptions = {},
): Promise<PublicEndpoint | { missing: string }> {
  const nginx = await findTestProgram({ commands: ['nginx'], aptPackage: 'nginx-light' }, process.env);
  const openssl = await findTestProgram({ commands: ['openssl'], aptPackage: 'openssl' }, process.env);
  if ('missing' in nginx) return nginx;
  if ('missing' in openssl) return openssl;
  const folder = await mkdtemp(join(tmpdir(), 'nginx-test-'));
  await chmod(folder, 0o755); // nginx started by root serves as nobody
  const [api = 0, videos = 0, http = 0, https = 0, upstream = 0] = await freePorts(5);
  const ports = { api, videos, http, https };
  await makeCertificate(openssl.path, folder);
  await copyServedFiles(folder);
  await writeConfiguration(folder, ports, {
    upstreams: options.apis ?? [upstream],
    media: options.mediaFolder ?? `${folder}/media`,
  });
  const unmount = options.bodySpace === undefined ? undefined : await mountBodySpace(folder, options.bodySpace);
  const requests: ApiRequest[] = [];
  let server = options.apis === undefined ? await startApi(upstream, requests) : undefined;
  const proxy = startProcess({
    name: 'nginx',
    file: '/bin/sh',
    args: [join(FOLDER, 'start.sh')],
    env: { PATH: process.env.PATH ?? '', ...environmentOf(folder), NGINX_PROGRAM: nginx.path, ...options.env },
  });
  await waitUntilListening(proxy, api);
  return {
    ports,
    ca: await readFile(join(folder, 'fullchain.pem'), 'utf8'),
    folder,
    requests,
    stopApi: async () => server && stopApi(server),
    startApi: async () => {
      server = await startApi(upstream, requests);
    },
    async close() {
      await proxy.stop();
      if (server?.listening) await stopApi(server);
      await unmount?.();
      await rm(folder, { recursive: true });
    },
  };
}

function environmentOf(folder: string): Record<string, string> {
  const configuration = { CONFIGURATION: join(folder, 'nginx.conf'), SETTINGS: join(folder, 'settings') };
  return { ...configuration, CERTIFICATES: folder, INTERVAL: '0.1' };
}

/** Mounts the folder of bodies in memory. Returns a function that unmounts it. */
async function mountBodySpace(folder: string, size: string): Promise<() => Promise<unknown>> {
  const path = join(folder, 'client_body');
  const run = promisify(execFile);
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=1777`, 'tmpfs', path]);
  return () => run('umount', ['-l', path]);
}

async function copyServedFiles(folder: string): Promise<void> {
  const challenges = join(folder, 'acme/.well-known/acme-challenge');
  await mkdir(join(folder, 'srv/videos'), { recursive: true });
  await mkdir(challenges, { recursive: true });
  await writeFile(join(challenges, 'token'), 'proof');
  await copyFile(join(FOLDER, 'videos/test_1.avi'), join(folder, 'srv/videos/test_1.avi'));
}

type Change = [from: string | RegExp, to: string];

async function writeConfiguration(
  folder: string,
  ports: PublicEndpoint['ports'],
  { upstreams, media }: { upstreams: number[]; media: string },
): Promise<void> {
  const [first] = upstreams;
  const isOne = upstreams.length === 1;
  const main = replaceAll(await readFile(join(FOLDER, 'nginx.conf'), 'utf8'), [
    ['http://$api:8000', isOne ? `http://$api:${first}` : 'http://$api'],
    ['set $api api;', isOne ? 'set $api 127.0.0.1;' : 'set $api apis;'],
    ['listen 8000;', `listen 127.0.0.1:${ports.api};`],
    ['listen 8080;', `listen 127.0.0.1:${ports.videos};`],
    ['/tmp/', `${folder}/`],
    ['/etc/nginx/extra/', `${folder}/extra/`],
    ['alias /srv/media/', `alias ${media}/`],
    ['from=/srv/media/', `from=${media}/`],
    ['root /srv;', `root ${folder}/srv;`],
    [/access_log \/dev\/stdout [^;]+;/g, 'access_log off;'],
  ]);
  const tls = replaceAll(await readFile(join(FOLDER, 'tls/tls.conf'), 'utf8'), [
    ['listen 8081;', `listen 127.0.0.1:${ports.http};`],
    ['listen 8443 ssl;', `listen 127.0.0.1:${ports.https} ssl;`],
    ['/tmp/', `${folder}/`],
    ['/etc/nginx/tls/', `${folder}/`],
    ['root /srv/acme;', `root ${folder}/acme;`],
  ]);
  await mkdir(join(folder, 'extra'));
  await writeFile(join(folder, 'nginx.conf'), main);
  await writeFile(join(folder, 'extra/tls.conf'), tls);
  // As the addresses that Docker's name server returns: each request knows nothing of earlier failures.
  const servers = upstreams.map((port) => `server 127.0.0.1:${port} max_fails=0;`).join(' ');
  await writeFile(join(folder, 'extra/apis.conf'), `upstream apis { ${servers} }\n`);
}

function replaceAll(text: string, changes: Change[]): string {
  return changes.reduce((before, [from, to]) => {
    const after = before.replaceAll(from, to);
    if (after === before) throw new Error(`the nginx configuration no longer contains: ${from}`);
    return after;
  }, text);
}

async function makeCertificate(openssl: string, folder: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'privkey.pem'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1'];
  await promisify(execFile)(openssl, ['req', '-x509', ...key, ...subject, '-out', 'fullchain.pem'], { cwd: folder });
}

/**
 * Responds to every request with its own description, to /stored/… with the name of a stored file, and to /alerts/events with
 * two events of a stream that stays open.
 */
async function startApi(port: number, requests: ApiRequest[]): Promise<Server> {
  const server = createServer(({ method, url, headers }, response) => {
    const request: ApiRequest = { method, url, headers };
    requests.push(request);
    if (url?.startsWith('/alerts/events')) {
      response.once('close', () => {
        request.disconnected = true;
      });
      response.setHeader('content-type', 'text/event-stream').write('id: 1.1\n\n');
      setTimeout(() => response.write('id: 1.2\n\n'), 100);
      return;
    }
    if (url?.startsWith('/stored/')) response.setHeader('x-accel-redirect', `/_media/${url.slice(8)}`);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ method, url, headers }));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function stopApi(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function waitUntilListening(nginx: Process, port: number): Promise<void> {
  await waitFor(
    () => {
      if (!nginx.running) throw new Error(`nginx ended:\n${nginx.lines.join('\n')}`);
      return fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    },
    { timeoutMs: 60_000, what: 'nginx' },
  );
}
