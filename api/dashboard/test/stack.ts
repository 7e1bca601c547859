import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '#prisma/client.ts';
import { mediaSettings } from '#test/harness/media.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';

export type PageStack = Stack & {
  /** The folder that the video server serves as /videos/: a copy that tests may change. */
  folder: string;
  db: Database;
};

/** Returns a running stack with its own videos, a folder for pictures and copies, and a connection to its database. */
export async function startPageStack(env: Record<string, string> = {}): Promise<PageStack> {
  const folder = await mkdtemp(join(tmpdir(), 'page-videos-'));
  await cp('nginx/videos', folder, { recursive: true });
  const media = await mkdtemp(join(tmpdir(), 'page-media-'));
  const forMedia = await mediaSettings(media);
  const stack = await startStack({ videosFolder: folder, env: { LOG_LEVEL: 'fatal', ...forMedia, ...env } });
  const db = openDatabase(stack.databaseUrl, { poolSize: 2, onError: () => {} });
  return {
    ...stack,
    folder,
    db,
    async close() {
      await db.$disconnect();
      await stack.close();
      await Promise.all([folder, media].map((each) => rm(each, { recursive: true })));
    },
  };
}
