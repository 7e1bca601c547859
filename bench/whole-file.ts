import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import got from 'got';
import { z } from 'zod';

const streamSchema = z.object({
  width: z.number(),
  height: z.number(),
  side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
});
const outputSchema = z.object({ streams: z.tuple([streamSchema]) });

/** Probes as a first version would: downloads the whole video with got into a temporary file and runs ffprobe on it. */
export async function probeWholeFile(url: URL): Promise<{ width: number; height: number; bytes: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'baseline-'));
  try {
    const file = join(folder, 'video');
    const download = got.stream(url);
    await pipeline(download, createWriteStream(file));
    return { ...(await runFfprobe(file)), bytes: download.downloadProgress.transferred };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function runFfprobe(file: string): Promise<{ width: number; height: number }> {
  const { path: ffprobe }: { path: string } = createRequire(import.meta.url)('@ffprobe-installer/ffprobe');
  const args = ['-v', 'error', '-of', 'json', '-select_streams', 'v:0', '-show_streams', file];
  const child = spawn(ffprobe, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [stream] = outputSchema.parse(JSON.parse(await text(child.stdout))).streams;
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0;
  const { width, height } = stream;
  return Math.abs(rotation) % 180 === 90 ? { width: height, height: width } : { width, height };
}
