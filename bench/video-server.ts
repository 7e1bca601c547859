import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Exit, keepPart, type Opened, type Part } from '#test/harness/process.ts';
import { findProgram } from '#test/harness/programs.ts';

/** What the video server counted itself. `connections`: how many it was asked on. */
export type Served = { requests: number; bytes: number; connections: number };

export type VideoServer = {
  kind: 'nginx' | 'local/file-server.ts';
  origin: string;
  part: Part;
  /** Since the last call; undefined: this server does not count. */
  served(): Promise<Served | undefined>;
};

export type VideoServerOptions = {
  /** Served under /videos/. */
  videos: string;
  /** For configuration and log. */
  folder: string;
  port: number;
  searchPath: string;
  onExit: (exit: Exit) => void;
};

/** Debian keeps it where ordinary users do not look. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin'];
/** Nginx writes its log when so much is in it or so long has passed. */
const FLUSH_MS = 100;

/** Starts the system's nginx, or, where there is none, the bundled window. */
export async function startVideoServer(options: VideoServerOptions, opened: Opened): Promise<VideoServer> {
  const nginx = await findProgram(['nginx'], [options.searchPath, ...SERVER_FOLDERS].join(delimiter));
  return nginx === undefined ? startWindow(options, opened) : startNginx(nginx, options, opened);
}

async function startNginx(file: string, options: VideoServerOptions, opened: Opened): Promise<VideoServer> {
  const { folder, port, onExit } = options;
  await mkdir(folder, { recursive: true });
  const [config, log] = [join(folder, 'nginx.conf'), join(folder, 'served.log')];
  await writeFile(config, configOf(options, log));
  const args = ['-p', folder, '-c', config, '-e', join(folder, 'error.log')];
  const part = keepPart(
    {
      name: 'nginx',
      command: () => ({ file, args, env: {} }),
      readyLine: /start worker process /,
      onExit,
    },
    opened,
  );
  await part.start(AbortSignal.timeout(10_000));
  let read = 0;
  return {
    kind: 'nginx',
    origin: `http://127.0.0.1:${port}`,
    part,
    async served() {
      await sleep(2 * FLUSH_MS);
      const lines = (await readFile(log, 'latin1')).slice(read);
      read = (await stat(log)).size;
      return servedIn(lines);
    },
  };
}

/** @param log lines of connection number and body bytes, as `17 65536`. */
export function servedIn(log: string): Served {
  const entries = log.split('\n').filter(Boolean);
  const connections = new Set(entries.map((entry) => entry.split(' ')[0]));
  const bytes = entries.reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
  return { requests: entries.length, bytes, connections: connections.size };
}

/** As nginx/nginx.conf serves videos, but for the log: one process, connections kept as long as there. */
function configOf({ videos, folder, port }: VideoServerOptions, log: string): string {
  // Started by root it would change to a user that may not see the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr notice; ${user}
    events { worker_connections 4096; }
    http {
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      log_format served '$connection $body_bytes_sent';
      access_log ${log} served buffer=256k flush=${FLUSH_MS}ms;
      sendfile on; tcp_nopush on; keepalive_timeout 75s; server_tokens off;
      server { listen 127.0.0.1:${port}; location /videos/ { alias ${videos}/; } }
    }`;
}

async function startWindow(options: VideoServerOptions, opened: Opened): Promise<VideoServer> {
  const { videos, port, onExit } = options;
  const env = { VIDEO_PORT: String(port), HOST: '127.0.0.1', VIDEOS_DIR: videos };
  const args = [fileURLToPath(new URL('../local/file-server.ts', import.meta.url))];
  const command = () => ({ file: process.execPath, args, env });
  const part = keepPart({ name: 'window', command, onExit }, opened);
  await part.start(AbortSignal.timeout(10_000));
  return { kind: 'local/file-server.ts', origin: `http://127.0.0.1:${port}`, part, served: async () => undefined };
}
