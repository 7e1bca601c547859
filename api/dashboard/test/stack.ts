import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Database, openDatabase } from '#prisma/client.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export type Stack = {
  api: string;
  videos: string;
  /** The folder behind the video server's /videos/. */
  folder: string;
  db: Database;
  /** Posts an alert of one of the bundled videos; returns its uuid. */
  post(changes: { video?: string; store?: string }): Promise<string>;
  stopApi(): Promise<void>;
  startApi(): Promise<void>;
  close(): Promise<void>;
};

/** A real house: api, worker and video server, each a process of its own, on a database of its own that holds the queue. */
export async function openStack(): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'page-videos-'));
  await cp(join(ROOT, 'nginx/videos'), folder, { recursive: true });
  const database = await createTestDatabase();
  await migrateQueue(database.url);
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  const window = await startProcess('local/file-server.ts', { VIDEOS_DIR: folder, VIDEO_PORT: '0' });
  const videos = String(window.told.url);
  const env = { DATABASE_URL: database.url, VIDEO_SERVER: videos, LOG_LEVEL: 'fatal' };
  const worker = await startProcess('worker/index.ts', env);
  const apiEnv = { ...env, VIDEO_PUBLIC_URL: videos, AUTH: 'off' };
  let api = await startProcess('api/index.ts', { ...apiEnv, PORT: '0' });
  const port = String(api.told.port);
  const url = `http://127.0.0.1:${port}`;
  return {
    api: url,
    videos,
    folder,
    db,
    async post({ video = '/videos/test_2.mp4', store = 'test-store' }) {
      const uuid = randomUUID();
      const answer = await fetch(`${url}/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ uuid, video, store, timestamp: Math.floor(Date.now() / 1_000) }),
      });
      if (answer.status !== 202) throw new Error(`not accepted: ${await answer.text()}`);
      return uuid;
    },
    stopApi: () => stop(api.child),
    async startApi() {
      api = await startProcess('api/index.ts', { ...apiEnv, PORT: port });
    },
    async close() {
      await Promise.all([api, worker, window].map(({ child }) => stop(child)));
      await db.$disconnect();
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Starts an entry with this environment and nothing else, and waits for its word that it is ready. */
async function startProcess(entry: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [join(ROOT, entry)], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${entry} ended with ${code}`)));
  const [told] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {});
  return { child, told: told as Record<string, unknown> }; // what process.send was given
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
