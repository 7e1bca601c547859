import { once } from 'node:events';
import { probeWithFfprobe } from '#worker/video/ffprobe/probe.ts';
import { createVideoReader, type VideoReader } from '#worker/video/http/range-reader.ts';
import { probe } from '#worker/video/probe.ts';
import type { Meter, OpenVideo, Probed, VideoFacts } from '#worker/video/types.ts';
import { cpuMsOf } from './processes.ts';
import type { ProbeCost } from './report.ts';
import { probeWholeFile } from './whole-file.ts';

// Probes videos in a separate process, so that its processor time is that of the probes: it receives the origin of the
// video server as its first message, sends back the costs and exits.

type Container = VideoFacts['container'];
type Method = [
  method: string,
  video: string,
  probe: (url: URL, meter: Meter) => Promise<{ width: number; height: number }>,
];

const SECONDS = 1.5;
const TIMEOUT_MS = 10_000;

function methodsOf(reader: VideoReader): Method[] {
  const { signal } = new AbortController();
  const withReader = (probeVideo: (video: OpenVideo) => Promise<Probed>): Method[2] => {
    return async (url, meter) => (await probeVideo(await reader.open(url, { signal, meter }))).facts;
  };
  const likeWorker = withReader((video) => probe(video, { signal, timeoutMs: TIMEOUT_MS }));
  const withFfprobe = (container: Container) =>
    withReader((video) => probeWithFfprobe(video, container, { signal, timeoutMs: TIMEOUT_MS }));
  return [
    ['as in the worker', '487kb.avi', likeWorker],
    ['as in the worker', 'motion.avi', likeWorker],
    ['as in the worker', 'faststart.mp4', likeWorker],
    ['as in the worker', 'largest.mp4', likeWorker],
    ['as in the worker', 'upright.mov', likeWorker],
    ['as in the worker', 'large.mkv', likeWorker],
    ['as in the worker', 'small.webm', likeWorker],
    ['ffprobe on ranges', '487kb.avi', withFfprobe('avi')],
    ['ffprobe on ranges', 'largest.mp4', withFfprobe('mp4')],
    ['ffprobe on whole file', '487kb.avi', downloadAndProbe],
    ['ffprobe on whole file', 'largest.mp4', downloadAndProbe],
  ];
}

const downloadAndProbe: Method[2] = async (url, meter) => {
  const { bytes, ...size } = await probeWholeFile(url);
  meter.bytesFetched += bytes;
  meter.requests += 1;
  return size;
};

const WARM_UP_PROBES = 20;

async function measureCost([method, video, probeUrl]: Method, origin: string): Promise<ProbeCost> {
  const url = new URL(`/videos/${video}`, origin);
  const meter = { bytesFetched: 0, requests: 0 };
  for (let probe = 0; probe < WARM_UP_PROBES; probe += 1) await probeUrl(url, { bytesFetched: 0, requests: 0 });
  const cpuMsBefore = await cpuMsOf([process.pid]);
  const startedAt = performance.now();
  let probes = 0;
  let resolution = '';
  for (; performance.now() - startedAt < SECONDS * 1000; probes += 1) {
    const { width, height } = await probeUrl(url, meter);
    resolution = `${width}x${height}`;
  }
  const ms = performance.now() - startedAt;
  const cpuMs = (await cpuMsOf([process.pid])) - cpuMsBefore;
  const { bytesFetched, requests } = meter;
  const perProbe = (total: number) => total / probes;
  return {
    method,
    video,
    resolution,
    probes,
    ms: perProbe(ms),
    cpuMs: perProbe(cpuMs),
    bytes: perProbe(bytesFetched),
    requests: perProbe(requests),
  };
}

// Last: it runs at once, and uses the constants above.
if (import.meta.main) {
  const [origin] = await once(process, 'message');
  const reader = createVideoReader({ origin, connections: 1, byteBudget: 8 * 1024 * 1024, timeoutMs: TIMEOUT_MS });
  const costs: ProbeCost[] = [];
  for (const method of methodsOf(reader)) costs.push(await measureCost(method, origin));
  reader.close();
  process.send?.(costs, () => process.disconnect());
}
