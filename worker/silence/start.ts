import { setTimeout } from 'node:timers/promises';
import type { Registry } from '@prometheus-io/client';
import { directUrl } from '#config/fields.ts';
import type { Config } from '#config/parse.ts';
import { withSessionLock } from '#prisma/session-lock.ts';
import type { workerFields } from '../config.ts';
import { hourOfWeekIn } from './hour-of-week.ts';
import { createSilenceMetrics } from './metrics.ts';
import { Monitor, type MonitorDeps } from './monitor.ts';

/** Of the advisory lock: one worker watches for all. */
const LOCK = { key: 20_261_128, name: 'silence' };
const INTERVAL_MS = 30_000;

type Options = Pick<MonitorDeps, 'db' | 'log' | 'triggerDeliveries' | 'countMuted'> & {
  config: Pick<
    Config<typeof workerFields>,
    'SILENCE' | 'SILENCE_GRACE' | 'TZ' | 'DATABASE_URL' | 'DATABASE_DIRECT_URL'
  >;
  registry: Registry;
  intervalMs?: number;
};

/**
 * Checks every 30 s which stores are silent, in one worker. The others try to take over as often. A failed check is logged and
 * reported as a metric; the next one begins with what the tables contain. With SILENCE=off it does nothing.
 */
export function startSilence({ config, registry, intervalMs = INTERVAL_MS, ...rest }: Options): {
  close(): Promise<void>;
} {
  if (config.SILENCE === 'off') return { close: async () => {} };
  const metrics = createSilenceMetrics(registry);
  const { log } = rest;
  const deps = { ...rest, metrics, hourOfWeek: hourOfWeekIn(config.TZ), minMs: config.SILENCE_GRACE };
  const closing = new AbortController();
  const watch = async (lost: AbortSignal) => {
    const ended = AbortSignal.any([lost, closing.signal]);
    const monitor = await Monitor.open(deps, ended);
    while (!ended.aborted) {
      await monitor.check();
      metrics.failing.set(0);
      await pause(intervalMs, ended);
    }
  };
  const run = async () => {
    while (!closing.signal.aborted) {
      try {
        await withSessionLock(directUrl(config), LOCK, watch);
        // Another worker watches, and reports what fails.
        metrics.failing.set(0);
      } catch (err) {
        if (closing.signal.aborted) return;
        metrics.failing.set(1);
        log.error({ err }, 'the check for silent stores failed: the next one is in half a minute');
      }
      for (const gauge of [metrics.silent, metrics.baselines]) gauge.set(0);
      await pause(intervalMs, closing.signal);
    }
  };
  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** Resolves after `ms`, or when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => {});
}
