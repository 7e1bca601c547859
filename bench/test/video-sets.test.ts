import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startFileServer } from '#local/file-server.ts';
import { prepareVideos, videosOf } from '../video-sets.ts';

it('prepares videos that the file server serves', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'video-sets-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await prepareVideos(['samples'], folder, () => {});
  const { url, close } = await startFileServer({ root: folder, host: '127.0.0.1', port: 0 });
  onTestFinished(close);
  for (const { path } of videosOf('samples')) {
    const response = await fetch(`${url}${path}`, { method: 'HEAD' });
    expect(response.status, path).toBe(200);
  }
});
