import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFileServer } from '#local/file-server.ts';
import { type AlternatingResult, measureAlternating } from './alternating.ts';
import type { Bench } from './bench.ts';
import { writeSource } from './outage.ts';
import { waitUntilNotified } from './rows.ts';
import type { BenchStack, Opened } from './stack.ts';
import { runDriver } from './subprocess.ts';
import { videosOf } from './video-sets.ts';

/** The name of the source whose server waits before each response. */
const SLOW = 'slow';
const DELAY_MS = 1_000;
/** As many as the worker has slots by default: WORKER_CONCURRENCY. */
const SLOW_PER_S = 128;
const SLOW_STORES = ['slow 1', 'slow 2', 'slow 3', 'slow 4'];
const SETTLE_MS = 3_000;

/** Starts the slow video server; returns the path of a SOURCES_FILE with it. */
export async function writeSlowSource(folder: string, opened: Opened): Promise<string> {
  const files = createFileServer({ root: await realpath(join(folder, 'videos')) });
  const server = createServer((request, response) => {
    setTimeout(() => files.emit('request', request, response), DELAY_MS);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  opened.unshift({
    async close() {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return writeSource(folder, SLOW, port);
}

/**
 * Measures alerts of fast stores, in turn alone and while 128 alerts per second of four other stores wait one second each for
 * the first byte of their video. The stack must have the file of `writeSlowSource`.
 */
export async function measureSlow(stack: BenchStack, { options, log, signal }: Bench): Promise<AlternatingResult[]> {
  const videos = videosOf('avi');
  let slowLoad: Promise<unknown> = Promise.resolve();
  await stack.startWorker('current');
  const slow = {
    name: `${SLOW_PER_S} slow videos/s`,
    async prepare() {
      const count = SLOW_PER_S * (options.seconds + SETTLE_MS / 1_000);
      const pace = { kind: 'open', perSecond: SLOW_PER_S } as const;
      const paths = videos.map(({ path }) => path);
      const plan = {
        count,
        pace,
        ports: stack.apiPorts,
        videos: paths,
        stores: SLOW_STORES,
        headers: [],
        source: SLOW,
      };
      slowLoad = runDriver(plan, signal);
      slowLoad.catch(() => {}); // `finish` throws it
      await sleep(SETTLE_MS, undefined, { signal });
    },
    async finish() {
      await slowLoad;
      await waitUntilNotified(stack.database, SLOW_STORES, signal);
    },
  };
  const alone = { name: 'no slow video', prepare: async () => {} };
  return measureAlternating(stack, videos, [alone, slow], { ...options, saturated: 0, log, signal });
}
