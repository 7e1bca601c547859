import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from './process.ts';
import { createService, type Service, type ServiceOptions } from './service.ts';

/** What the video server counted itself. */
export type Served = { requests: number; bytes: number; connections: number };

export type NginxVideoServer = {
  service: Service;
  /** Returns what was served since the last call. */
  served(): Promise<Served>;
};

export type NginxVideoOptions = {
  /** Path of the nginx program. */
  nginx: string;
  /** Served under /videos/. */
  videos: string;
  /** For the configuration and the log; created if missing. */
  folder: string;
  port: number;
} & Pick<ServiceOptions, 'onExit'>;

/** nginx writes its log when its buffer is full or this much time has passed. */
const FLUSH_MS = 100;

/** Returns an nginx that serves a folder of videos and counts what it serves. It does not run yet. */
export async function createNginxVideoServer(options: NginxVideoOptions): Promise<NginxVideoServer> {
  const { nginx, folder, onExit } = options;
  await mkdir(folder, { recursive: true });
  const [config, log] = [join(folder, 'nginx.conf'), join(folder, 'served.log')];
  await writeFile(config, configOf(options, log));
  const args = ['-p', folder, '-c', config, '-e', join(folder, 'error.log')];
  const launch = (name: string) => startProcess({ name, file: nginx, args, readyLine: /start worker process / });
  let read = 0;
  return {
    service: createService({ name: 'nginx', launch, onExit }),
    async served() {
      await sleep(2 * FLUSH_MS);
      const lines = (await readFile(log, 'latin1')).slice(read);
      read = (await stat(log)).size;
      return parseServed(lines);
    },
  };
}

/** Parses lines of connection number and body bytes, as `17 65536`. */
export function parseServed(log: string): Served {
  const entries = log.split('\n').filter(Boolean);
  const connections = new Set(entries.map((entry) => entry.split(' ')[0]));
  const bytes = entries.reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
  return { requests: entries.length, bytes, connections: connections.size };
}

/** The settings of nginx/nginx.conf for videos, except for the log, with one process and connections that are kept. */
function configOf({ videos, folder, port }: NginxVideoOptions, log: string): string {
  // Started by root, it would switch to a user that may not read the folder.
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
