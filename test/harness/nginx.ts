import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTestProgram } from './system-packages.ts';

const ROOM = join(import.meta.dirname, '../../nginx');
const run = promisify(execFile);

/** What the api behind the front door was asked; `left`: and its stream was left before it ended. */
export type Asked = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & { left?: boolean };

export type Front = {
  /** Ports on 127.0.0.1: the front door, the videos, HTTP and HTTPS of tls.conf. */
  ports: { front: number; videos: number; plain: number; tls: number };
  /** The certificate, which is its own authority. */
  ca: string;
  /** In order. */
  asked: Asked[];
  /** The api goes away, or comes back to its port. */
  stopApi(): Promise<void>;
  startApi(): Promise<void>;
  close(): Promise<void>;
};

/** nginx.conf and tls/tls.conf as they are, but for ports, folders and the api's address. Or what is missing for it. */
export async function startFront(): Promise<Front | { missing: string }> {
  const nginx = await findTestProgram({ commands: ['nginx'], aptPackage: 'nginx-light' }, process.env);
  const openssl = await findTestProgram({ commands: ['openssl'], aptPackage: 'openssl' }, process.env);
  if ('missing' in nginx) return nginx;
  if ('missing' in openssl) return openssl;
  const folder = await mkdtemp(join(tmpdir(), 'nginx-front-'));
  await chmod(folder, 0o755); // nginx started by root serves as nobody
  const [front = 0, videos = 0, plain = 0, tls = 0, api = 0] = await freePorts(5);
  const ports = { front, videos, plain, tls };
  await makeCertificate(openssl.path, folder);
  await mkdir(join(folder, 'srv/videos'), { recursive: true });
  await mkdir(join(folder, 'acme/.well-known/acme-challenge'), { recursive: true });
  await writeFile(join(folder, 'acme/.well-known/acme-challenge/token'), 'proof');
  await copyFile(join(ROOM, 'videos/test_1.avi'), join(folder, 'srv/videos/test_1.avi'));
  await mkdir(join(folder, 'extra'));
  await writeConfiguration(folder, ports, api);
  const asked: Asked[] = [];
  let server = await startApi(api, asked);
  const child = spawn(nginx.path, ['-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await listening(child, front);
  return {
    ports,
    ca: await readFile(join(folder, 'fullchain.pem'), 'utf8'),
    asked,
    stopApi: () => stop(server),
    startApi: async () => {
      server = await startApi(api, asked);
    },
    async close() {
      child.kill('SIGTERM');
      await once(child, 'exit');
      if (server.listening) await stop(server);
      await rm(folder, { recursive: true });
    },
  };
}

async function writeConfiguration(folder: string, ports: Front['ports'], api: number): Promise<void> {
  const place = (text: string, changes: [string, string][]) =>
    changes.reduce((changed, [from, to]) => {
      if (!changed.includes(from)) throw new Error(`the configuration no longer says: ${from}`);
      return changed.replaceAll(from, to);
    }, text);
  const main = place(await readFile(join(ROOM, 'nginx.conf'), 'utf8'), [
    ['http://$api:8000', `http://$api:${api}`],
    ['set $api api;', 'set $api 127.0.0.1;'],
    ['listen 8000;', `listen 127.0.0.1:${ports.front};`],
    ['listen 8080;', `listen 127.0.0.1:${ports.videos};`],
    ['/tmp/', `${folder}/`],
    ['/etc/nginx/extra/', `${folder}/extra/`],
    ['root /srv;', `root ${folder}/srv;`],
    ['access_log /dev/stdout json if=$told;', 'access_log off;'],
  ]);
  const tls = place(await readFile(join(ROOM, 'tls/tls.conf'), 'utf8'), [
    ['listen 8081;', `listen 127.0.0.1:${ports.plain};`],
    ['listen 8443 ssl;', `listen 127.0.0.1:${ports.tls} ssl;`],
    ['/tmp/', `${folder}/`],
    ['/etc/nginx/tls/', `${folder}/`],
    ['root /srv/acme;', `root ${folder}/acme;`],
  ]);
  await writeFile(join(folder, 'nginx.conf'), main);
  await writeFile(join(folder, 'extra/tls.conf'), tls);
}

async function makeCertificate(openssl: string, folder: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'privkey.pem'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1'];
  await run(openssl, ['req', '-x509', ...key, ...subject, '-out', 'fullchain.pem'], { cwd: folder });
}

/** Answers everything with what it was asked, but events with the first two of a stream that goes on. */
async function startApi(port: number, asked: Asked[]): Promise<Server> {
  const server = createServer(({ method, url, headers }, res) => {
    const one: Asked = { method, url, headers };
    asked.push(one);
    if (url?.startsWith('/alerts/events')) {
      res.once('close', () => {
        one.left = true;
      });
      res.setHeader('content-type', 'text/event-stream').write('id: 1.1\n\n');
      setTimeout(() => res.write('id: 1.2\n\n'), 100);
      return;
    }
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ method, url, headers }));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  let said = '';
  child.stderr?.on('data', (data) => {
    said += data;
  });
  for (const deadline = Date.now() + 10_000; Date.now() < deadline && child.exitCode === null; ) {
    const open = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nginx does not listen: ${said}`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createTcpServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port); // listening on TCP
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
