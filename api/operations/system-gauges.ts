import { Gauge, type Registry } from '@prometheus-io/client';
import type { Database } from '#prisma/client.ts';
import { oldestUnfinishedSeconds } from '#prisma/statistics.ts';
import type { AlertQueue } from '#redis/queue.ts';

/** Each is asked at most this often, and a scrape waits at most so long for it. */
const FRESH_MS = 5_000;
const PATIENCE_MS = 1_000;

const EVERY_REPLICA = 'Of the whole house, told by each replica of the api: take max(), not sum().';

/**
 * What is true of the house and not of one process. Told by the api, which sees it when every worker is gone. Where the
 * database or the queue does not answer, its gauges are absent.
 */
export function registerSystemGauges(registry: Registry, { db, queue }: { db: Database; queue: AlertQueue }): void {
  const registers = [registry];
  const oldest = sometimes(() => oldestUnfinishedSeconds(db));
  new Gauge({
    name: 'alerts_oldest_pending_seconds',
    help: `Age of the oldest alert that is still owed its result or its notification; 0 without one. ${EVERY_REPLICA}`,
    registers,
    async collect() {
      const seconds = await oldest();
      if (seconds === undefined) this.remove();
      else this.set(seconds);
    },
  });
  const state = sometimes(() => queue.state());
  new Gauge({
    name: 'alerts_queue_jobs',
    help: `Jobs in the queue; those that ended well are not counted. ${EVERY_REPLICA}`,
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset();
      for (const [name, jobs] of Object.entries((await state())?.jobs ?? {})) this.set({ state: name }, jobs);
    },
  });
  new Gauge({
    name: 'queue_memory_bytes',
    help: `Memory of a Redis that holds the queue: used, and the max at which it takes no more (0: none). ${EVERY_REPLICA}`,
    labelNames: ['kind'],
    registers,
    async collect() {
      this.reset();
      for (const [kind, bytes] of Object.entries((await state())?.memory ?? {})) this.set({ kind }, bytes);
    },
  });
}

/** The last answer while it is fresh; undefined where the question fails or is not answered in time. */
function sometimes<T>(ask: () => Promise<T>): () => Promise<T | undefined> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<T | undefined> = Promise.resolve(undefined);
  return async () => {
    if (performance.now() - asked > FRESH_MS) {
      asked = performance.now();
      answer = ask().catch(() => undefined);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
    });
    const told = await Promise.race([answer, late]);
    clearTimeout(timer);
    return told;
  };
}
