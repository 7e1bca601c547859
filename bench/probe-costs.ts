import { once } from 'node:events';
import { probeWithFfprobe } from '#worker/video/ffprobe/probe.ts';
import { createVideoReader, type VideoReader } from '#worker/video/http/range-reader.ts';
import { type Probed, probe } from '#worker/video/probe.ts';
import type { Meter, OpenVideo, VideoFacts } from '#worker/video/types.ts';
import { cpuMsOf } from './processes.ts';
import type { ProbeCost } from './report.ts';
import { probeWhole } from './whole-file.ts';

// One process that probes, so that its processor time is a probe's: it gets the origin of the video server as its first
// message, answers with the costs, and ends.

type Container = VideoFacts['container'];
type Path = [
  path: string,
  video: string,
  probe: (url: URL, meter: Meter) => Promise<{ width: number; height: number }>,
];

const SECONDS = 1.5;
const TIMEOUT_MS = 10_000;

function pathsOf(reader: VideoReader): Path[] {
  const { signal } = new AbortController();
  const opened = (probeOpened: (video: OpenVideo) => Promise<Probed>): Path[2] => {
    return async (url, meter) => (await probeOpened(await reader.open(url, { signal, meter }))).facts;
  };
  const asTheWorker = opened((video) => probe(video, { signal, timeoutMs: TIMEOUT_MS }));
  const withFfprobe = (container: Container) =>
    opened((video) => probeWithFfprobe(video, container, { signal, timeoutMs: TIMEOUT_MS }));
  return [
    ['as the worker does', '487kb.avi', asTheWorker],
    ['as the worker does', 'motion.avi', asTheWorker],
    ['as the worker does', 'faststart.mp4', asTheWorker],
    ['as the worker does', 'largest.mp4', asTheWorker],
    ['as the worker does', 'upright.mov', asTheWorker],
    ['as the worker does', 'large.mkv', asTheWorker],
    ['as the worker does', 'small.webm', asTheWorker],
    ['ffprobe on fetched parts', '487kb.avi', withFfprobe('avi')],
    ['ffprobe on fetched parts', 'largest.mp4', withFfprobe('mp4')],
    ['ffprobe on the whole file', '487kb.avi', probeWholeFile],
    ['ffprobe on the whole file', 'largest.mp4', probeWholeFile],
  ];
}

const probeWholeFile: Path[2] = async (url, meter) => {
  const { bytes, ...size } = await probeWhole(url);
  meter.bytesFetched += bytes;
  meter.requests += 1;
  return size;
};

if (import.meta.main) {
  const [origin] = await once(process, 'message');
  const reader = createVideoReader({ origin, connections: 1, byteBudget: 8 * 1024 * 1024, timeoutMs: TIMEOUT_MS });
  const costs: ProbeCost[] = [];
  for (const path of pathsOf(reader)) costs.push(await costOf(path, origin));
  reader.close();
  process.send?.(costs, () => process.disconnect());
}

async function costOf([path, video, probeUrl]: Path, origin: string): Promise<ProbeCost> {
  const url = new URL(`/videos/${video}`, origin);
  const meter = { bytesFetched: 0, requests: 0 };
  for (let warm = 0; warm < 20; warm += 1) await probeUrl(url, { bytesFetched: 0, requests: 0 });
  const before = await cpuMsOf([process.pid]);
  const began = performance.now();
  let probes = 0;
  let resolution = '';
  for (; performance.now() - began < SECONDS * 1000; probes += 1) {
    const { width, height } = await probeUrl(url, meter);
    resolution = `${width}x${height}`;
  }
  const ms = performance.now() - began;
  const cpuMs = (await cpuMsOf([process.pid])) - before;
  const { bytesFetched, requests } = meter;
  const per = (total: number) => total / probes;
  return {
    path,
    video,
    resolution,
    probes,
    ms: per(ms),
    cpuMs: per(cpuMs),
    bytes: per(bytesFetched),
    requests: per(requests),
  };
}
