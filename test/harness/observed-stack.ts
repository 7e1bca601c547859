import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTestDatabase } from './test-database.ts';
import { until } from './until.ts';

export type Part = { child: ChildProcess; lines: string[] };

export type Stack = {
  databaseUrl: string;
  /** Where the api listens; once it is started. */
  api: string;
  /** Where the worker's own door is; once it is started. */
  ops: string;
  /** Of the parts that keep profiles. */
  profiles: string;
  parts: Part[];
  /** Starts an api and a worker with these variables, and waits until both are ready. */
  start(env: Record<string, string>): Promise<{ api: Part; worker: Part }>;
  startVideos(): Promise<void>;
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** Posts an alert on this video; its uuid. */
  post(video: string, headers?: Record<string, string>): Promise<string>;
  /** The alert, once its store was told. */
  notified(uuid: string, headers?: Record<string, string>): Promise<{ attempts: number; status: string }>;
  close(): Promise<void>;
};

/** One that nobody listens on, until somebody does. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}

/** An api and a worker as processes of their own, on a database of their own; the videos' window is the test's to start. */
export async function openStack(): Promise<Stack> {
  const database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'signals-'));
  const profiles = join(folder, 'profiles');
  // The worker has to know it before the window is there. Api and worker take one that is free and tell it.
  const videoPort = await freePort();
  const parts: Part[] = [];
  const start = (entry: string, env: Record<string, string>): Part => {
    const path = join(import.meta.dirname, '../..', entry);
    const child = spawn(process.execPath, [path], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const part: Part = { child, lines: [] };
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => part.lines.push(line));
    parts.push(part);
    return part;
  };
  const ask = (path: string, init?: RequestInit) => fetch(`${house.api}${path}`, init);
  /** Where the part listens, once it is ready: its log tells. */
  const ready = async ({ child, lines }: Part, msg: string): Promise<string> => {
    const line = await until(() => {
      if (child.exitCode !== null) throw new Error(`a part ended:\n${lines.join('\n')}`);
      return lines.find((text) => text.includes(`"msg":"${msg}"`));
    });
    const url = `http://127.0.0.1:${JSON.parse(line).port}`;
    await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok);
    return url;
  };
  const house: Stack = {
    databaseUrl: database.url,
    api: '',
    ops: '',
    profiles,
    parts,
    ask,
    async start(env) {
      const both = { AUTH: 'off', DATABASE_URL: database.url, PROFILE_DIR: profiles, ...env };
      const api = start('api/index.ts', { ...both, PORT: '0' });
      const videos = { VIDEO_SERVER: `http://127.0.0.1:${videoPort}`, OPS_PORT: '0' };
      const worker = start('worker/index.ts', { ...both, ...videos });
      house.api = await ready(api, 'api server listening');
      house.ops = await ready(worker, 'worker ops server listening');
      return { api, worker };
    },
    async startVideos() {
      const { lines } = start('local/file-server.ts', { VIDEO_PORT: `${videoPort}` });
      await until(() => lines.some((line) => line.startsWith('videos on ')));
    },
    async post(video, headers = {}) {
      const uuid = randomUUID();
      const body = JSON.stringify({ uuid, video, timestamp: 1, store: 'test-store' });
      const answer = await ask('/alerts', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
      if (answer.status !== 202) throw new Error(`not accepted: ${await answer.text()}`);
      return uuid;
    },
    notified: (uuid, headers = {}) =>
      until(async () => {
        // The form of openapi.json's Alert.
        const alert = (await (await ask(`/alerts/${uuid}`, { headers })).json()) as {
          notified_at: string | null;
          attempts: number;
          status: string;
        };
        return alert.notified_at ? alert : undefined;
      }),
    async close() {
      const alive = parts.filter(({ child }) => child.exitCode === null && child.signalCode === null);
      const ended = alive.map(({ child }) => once(child, 'exit'));
      for (const { child } of alive) child.kill('SIGKILL');
      await Promise.all(ended);
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
  return house;
}
