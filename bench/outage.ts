import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '#test/harness/ports.ts';
import { type AlternatingResult, measureAlternating } from './alternating.ts';
import type { Bench } from './bench.ts';
import { measureLoad } from './measure.ts';
import type { BenchStack } from './stack.ts';
import { runDriver } from './subprocess.ts';
import { videosOf } from './video-sets.ts';

/** The name of a source that no server has. */
const UNREACHABLE = 'unreachable';
const WAITING = 10_000;
const SETTLE_MS = 15_000;
const WARM_UP = { count: 500, pace: { kind: 'open', perSecond: 50 } } as const;

/** Writes a SOURCES_FILE with the unreachable source; returns its path. */
export async function writeOutageSources(folder: string): Promise<string> {
  return writeSource(folder, UNREACHABLE, await freePort());
}

/** Writes a SOURCES_FILE with a server on this port of 127.0.0.1; returns its path. */
export async function writeSource(folder: string, name: string, port: number): Promise<string> {
  const file = join(folder, 'sources.json');
  await writeFile(file, JSON.stringify({ sources: { [name]: { kind: 'http', url: `http://127.0.0.1:${port}/` } } }));
  return file;
}

/**
 * Measures alerts of a source that works, in turn alone and while 10,000 alerts wait for an unreachable one.
 * The stack must have the file of `writeOutageSources`.
 */
export async function measureOutage(stack: BenchStack, { options, log, signal }: Bench): Promise<AlternatingResult[]> {
  const videos = videosOf('avi');
  // A worker that has known other waiting alerts would let these return later.
  const startWorker = async () => {
    await stack.startWorker('current');
    await measureLoad(stack, videos, { ...WARM_UP, keepRows: true }, signal);
  };
  await startWorker();
  const waiting = {
    name: `${WAITING} alerts wait`,
    async prepare() {
      await startWorker();
      const plan = { count: WAITING, ports: stack.apiPorts, videos: ['/absent.mp4'], stores: ['outage'], headers: [] };
      const pace = { kind: 'closed', inFlight: 16 } as const;
      await runDriver({ ...plan, source: UNREACHABLE, pace }, signal);
      await waitUntilAllWait(stack, signal);
      // The alerts of an outage come within minutes, during which PostgreSQL does this itself.
      await stack.database.$executeRaw`VACUUM (ANALYZE)`;
      await sleep(SETTLE_MS, undefined, { signal });
    },
  };
  const alone = { name: 'no alert waits', prepare: startWorker };
  return measureAlternating(stack, videos, [alone, waiting], { ...options, saturated: 0, log, signal });
}

/** Waits until each alert of the unreachable source shows why it waits. */
async function waitUntilAllWait({ database }: BenchStack, signal: AbortSignal): Promise<void> {
  for (;;) {
    const waiting = await database.alert.count({ where: { status: 'pending', lastError: { not: null } } });
    if (waiting >= WAITING) return;
    await sleep(500, undefined, { signal });
  }
}
