import { Gauge, type Registry } from '@prometheus-io/client';
import { waitAtMost } from '#async/timeout.ts';
import type { Database } from '#prisma/client.ts';
import { oldestUnfinishedSeconds } from '#prisma/statistics.ts';
import type { AlertQueue } from '#redis/queue.ts';

const CACHE_MS = 5_000;
/** A scrape waits at most this long for a value. */
const TIMEOUT_MS = 1_000;

export const EVERY_REPLICA = 'About the whole system, reported by each api replica: use max(), not sum().';

type Deps = { db: Database; queue: AlertQueue; feedLag: { readonly seconds: number | undefined } };

/**
 * Registers gauges about the system as a whole. The api reports them because it also runs when every worker is down.
 * Gauges of an unavailable database or queue are absent.
 */
export function registerSystemGauges(registry: Registry, { db, queue, feedLag }: Deps): void {
  const registers = [registry];
  const oldestSeconds = cached(() => oldestUnfinishedSeconds(db));
  new Gauge({
    name: 'alerts_oldest_unfinished_seconds',
    help: `Age of the oldest alert without a result or notification, since its receipt or retry; 0 if there is none. ${EVERY_REPLICA}`,
    registers,
    async collect() {
      const seconds = await oldestSeconds();
      if (seconds === undefined) this.remove();
      else this.set(seconds);
    },
  });
  new Gauge({
    name: 'alerts_feed_lag_seconds',
    help: `How long an open transaction has delayed all events so far; 0 if there is none. ${EVERY_REPLICA}`,
    registers,
    collect() {
      if (feedLag.seconds === undefined) this.remove();
      else this.set(feedLag.seconds);
    },
  });
  const queueState = cached(() => queue.state());
  new Gauge({
    name: 'alerts_queue_jobs',
    help: `Jobs in the queue, without completed ones. ${EVERY_REPLICA}`,
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset();
      for (const [state, jobs] of Object.entries((await queueState())?.jobs ?? {})) this.set({ state }, jobs);
    },
  });
  new Gauge({
    name: 'queue_memory_bytes',
    help: `Memory of the queue's Redis: used, and max, at which it accepts no more jobs (0: no limit). ${EVERY_REPLICA}`,
    labelNames: ['kind'],
    registers,
    async collect() {
      this.reset();
      for (const [kind, bytes] of Object.entries((await queueState())?.memory ?? {})) this.set({ kind }, bytes);
    },
  });
}

/** Caches the result of `read`. Returns undefined if it fails or takes too long. */
export function cached<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let readAt = Number.NEGATIVE_INFINITY;
  let value: Promise<T | undefined> = Promise.resolve(undefined);
  return () => {
    if (performance.now() - readAt > CACHE_MS) {
      readAt = performance.now();
      value = read().catch(() => undefined);
    }
    return waitAtMost(value, TIMEOUT_MS);
  };
}
