import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startVideoServer } from '#test/harness/video-server.ts';
import { makePicture } from '#worker/pictures/decode.ts';
import { type Decoder, detectDecoder } from '#worker/pictures/decoder.ts';
import { createVideoReader, type VideoReader } from '#worker/video/http/range-reader.ts';
import { probe } from '#worker/video/probe.ts';
import { cpuMsOf } from './processes.ts';

/** The cost of one picture after the probe: means, bytes and requests in addition to those of the probe. */
type PictureCost = {
  video: string;
  cpuMs: number;
  ms: number;
  bytes: number;
  requests: number;
  pictureBytes: number;
};

const RUNS = 10;
const TIMEOUT_MS = 30_000;
const H264 = ['-c:v', 'libx264', '-preset', 'veryfast'];
const HEVC = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none'];

/** Noise makes key frames as large as those of a camera. */
const videos: [name: string, size: string, args: string[]][] = [
  ['h264-1080p.mp4', '1920x1080', [...H264, '-movflags', '+faststart']],
  ['h264-1080p-moov-last.mp4', '1920x1080', H264],
  ['h264-1080p-fragmented.mp4', '1920x1080', [...H264, '-movflags', 'frag_keyframe+empty_moov']],
  ['h264-1080p.mkv', '1920x1080', H264],
  ['h264-1080p.avi', '1920x1080', H264],
  ['h264-1080p.ts', '1920x1080', H264],
  ['hevc-1080p.mp4', '1920x1080', HEVC],
  ['hevc-2160p-10-bit.mkv', '3840x2160', [...HEVC, '-pix_fmt', 'yuv420p10le']],
  ['vp8-720p.webm', '1280x720', ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '2M']],
  [
    'vp9-1080p.webm',
    '1920x1080',
    ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-crf', '45', '-b:v', '0'],
  ],
  ['mpeg4-720p.avi', '1280x720', ['-c:v', 'mpeg4', '-q:v', '6']],
  ['mjpeg-1080p.avi', '1920x1080', ['-c:v', 'mjpeg', '-q:v', '6', '-pix_fmt', 'yuvj420p']],
];

type PicturesOptions = { folder: string; searchPath: string; log: (line: string) => void; signal: AbortSignal };

/** Makes pictures of generated videos, as the worker does. Throws if there is no ffmpeg, or the signal's reason. */
export async function measurePictures({ folder, searchPath, log, signal }: PicturesOptions): Promise<PictureCost[]> {
  const decoder = await detectDecoder(undefined, searchPath);
  if ('missing' in decoder) throw new Error(decoder.missing);
  const server = await startVideoServer({ root: folder });
  const reader = createVideoReader({
    origin: server.origin,
    connections: 1,
    byteBudget: 8 * 1024 * 1024,
    timeoutMs: TIMEOUT_MS,
  });
  try {
    const costs: PictureCost[] = [];
    for (const [name, size, args] of videos) {
      log(name);
      await generate(decoder.ffmpegPath, join(folder, name), size, args, signal);
      costs.push(await measureOne(reader, server.url(name), { name, decoder, signal }));
    }
    return costs;
  } finally {
    reader.close();
    await server.close();
  }
}

async function generate(ffmpeg: string, path: string, size: string, args: string[], signal: AbortSignal) {
  const input = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=10:duration=3,noise=alls=8:allf=t`];
  const encode = [...input, '-frames:v', '10', '-pix_fmt', 'yuv420p', ...args];
  await promisify(execFile)(ffmpeg, ['-v', 'error', '-nostdin', '-y', ...encode, path], { signal });
}

type Measurement = { name: string; decoder: Decoder; signal: AbortSignal };

async function measureOne(reader: VideoReader, url: URL, { name, decoder, signal }: Measurement): Promise<PictureCost> {
  const sum = { cpuMs: 0, ms: 0, bytes: 0, requests: 0, pictureBytes: 0 };
  for (let run = 0; run < RUNS; run += 1) {
    const meter = { bytesFetched: 0, requests: 0 };
    const video = await reader.open(url, { signal, meter });
    const { facts } = await probe(video, { timeoutMs: TIMEOUT_MS, signal, anyContent: true });
    const before = { ...meter, cpuMs: await cpuMsOf([process.pid]), at: performance.now() };
    const { webp } = await makePicture(video, facts, { ...decoder, timeoutMs: TIMEOUT_MS, signal });
    sum.ms += performance.now() - before.at;
    sum.cpuMs += (await cpuMsOf([process.pid])) - before.cpuMs;
    sum.bytes += meter.bytesFetched - before.bytesFetched;
    sum.requests += meter.requests - before.requests;
    sum.pictureBytes += webp.length;
  }
  const mean = (total: number) => total / RUNS;
  return {
    video: name,
    cpuMs: mean(sum.cpuMs),
    ms: mean(sum.ms),
    bytes: mean(sum.bytes),
    requests: mean(sum.requests),
    pictureBytes: mean(sum.pictureBytes),
  };
}

/** Returns the costs as a table in Markdown. */
export function renderPictures(costs: PictureCost[]): string {
  const rows = costs.map(({ video, cpuMs, ms, bytes, requests, pictureBytes }) => [
    video,
    cpuMs.toFixed(0),
    ms.toFixed(0),
    (bytes / 1000).toFixed(0),
    requests.toFixed(1),
    (pictureBytes / 1000).toFixed(1),
  ]);
  const header = ['video', 'CPU ms', 'ms', 'kB more', 'requests more', 'kB of picture'];
  return [header, ['---', '---:', '---:', '---:', '---:', '---:'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
