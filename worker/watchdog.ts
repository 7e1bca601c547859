import { Worker } from 'node:worker_threads';

/** Bytes of a uuid as text. */
export const UUID_BYTES = 36;

/** What the thread gets. `heartbeat` counts up; `attempts` holds the uuids of the alerts in progress, zeros where free. */
export type Watched = { timeoutMs: number; heartbeat: Int32Array; attempts: Uint8Array };

export type Watchdog = {
  /** Notes that an attempt at this alert is in progress, until the returned function is called. */
  attemptStarts(uuid: string): () => void;
  close(): Promise<void>;
};

/**
 * Starts a thread that ends this process with SIGKILL when its event loop has been blocked for `timeoutMs`. Without it, an
 * endless loop in a parser would keep the worker and its attempts forever. The thread first logs which alerts were in
 * progress. It takes 30 MB of memory, 12 of them to load TypeScript.
 */
export function startWatchdog(
  timeoutMs: number,
  { slots, onError }: { slots: number; onError: (error: Error) => void },
): Watchdog {
  const heartbeat = new Int32Array(new SharedArrayBuffer(4));
  const attempts = new Uint8Array(new SharedArrayBuffer(slots * UUID_BYTES));
  const free = Array.from({ length: slots }, (_, slot) => slot);
  const workerData: Watched = { timeoutMs, heartbeat, attempts };
  const thread = new Worker(new URL('./watchdog-thread.ts', import.meta.url), {
    name: 'watchdog',
    workerData,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
  });
  thread.on('error', onError);
  thread.unref();
  const beat = setInterval(() => Atomics.add(heartbeat, 0, 1), checkIntervalMs(timeoutMs));
  beat.unref();
  return {
    attemptStarts(uuid) {
      const slot = free.pop();
      if (slot === undefined) return () => {};
      const text = attempts.subarray(slot * UUID_BYTES, (slot + 1) * UUID_BYTES);
      encoder.encodeInto(uuid, text);
      return () => {
        text.fill(0);
        free.push(slot);
      };
    },
    async close() {
      clearInterval(beat);
      await thread.terminate();
    },
  };
}

const encoder = new TextEncoder();

/** Returns how often the heartbeat counts and the thread checks it: often enough for a precise timeout. */
export function checkIntervalMs(timeoutMs: number): number {
  return Math.ceil(timeoutMs / 20);
}
