import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '#prisma/client.ts';
import { startStack } from '#test/harness/stack.ts';
import type { NewAlert } from '#test/harness/stack-client.ts';

const VIDEOS = join(import.meta.dirname, '../../../nginx/videos');

export type Stack = {
  api: string;
  videos: string;
  /** The folder behind the video server's /videos/. */
  folder: string;
  db: Database;
  /** Posts an alert of one of the bundled videos; returns its uuid. */
  post(changes: NewAlert): Promise<string>;
  stopApi(): Promise<void>;
  startApi(): Promise<void>;
  close(): Promise<void>;
};

/** Starts api, worker and a file server with its own copy of the videos, on a database that also holds the queue. */
export async function openStack(): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'page-videos-'));
  await cp(VIDEOS, folder, { recursive: true });
  const stack = await startStack({ videosFolder: folder, env: { LOG_LEVEL: 'fatal' } });
  const db = openDatabase(stack.databaseUrl, { poolSize: 2, onError: () => {} });
  return {
    api: stack.apiUrl,
    videos: stack.videosUrl,
    folder,
    db,
    post: stack.post,
    stopApi: async () => stack.apis[0]?.stop(),
    startApi: async () => stack.apis[0]?.start(),
    async close() {
      await db.$disconnect();
      await stack.close();
      await rm(folder, { recursive: true });
    },
  };
}
