import { Gauge, type Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { DEFAULT_SOURCE } from '#sources/schema.ts';
import { type VideoError, WorkerCrashed } from './errors.ts';
import { createOutageLog, type OutageLog } from './outage-log.ts';
import type { Failure } from './process-alert.ts';
import { createSourceBreaker, type SourceBreaker } from './source-breaker.ts';
import type { VideoLocation } from './video/sources.ts';
import { createWaitingAlerts, type WaitingAlerts } from './waiting-alerts.ts';

/** A source of videos as its attempts have found it. */
export type SourceHealth = Pick<
  SourceBreaker,
  'admit' | 'responded' | 'isDown' | 'untilProbeMs' | 'delayed' | 'learn' | 'forget' | 'takeWaiting'
> & {
  /** An attempt failed because of the source. Returns true during an outage. */
  failed(alert: string, failure: Failure): boolean;
  /** Returns the error as details and log lines show it, with the name of the source if there are several. */
  describe(error: VideoError): string;
};

export type SourcesHealth = {
  /** Returns the health of the source that has the video. */
  of(location: Omit<VideoLocation, 'video'>): SourceHealth;
  /** The file was read again: forgets the sources that `changed`, and the metrics show all `names`. */
  update(names: Iterable<string>, changed?: Iterable<string>): void;
  /** Returns whether alerts wait for a source. */
  isAnyDown(): boolean;
  /** Returns up to `count` alerts of all sources that waited and need not wait any more, each once. */
  takeWaiting(count: number): string[];
};

type Options = {
  /** Returns the name of the source that has the video. */
  nameOf(location: Omit<VideoLocation, 'video'>): string;
  /** Whether there is a SOURCES_FILE: then details name the source. */
  several: boolean;
  log: Logger;
  registry: Registry;
};

/** Returns the health of each source. A source that is not in the file has one, too: its alerts wait until it is. */
export function createSourcesHealth({ nameOf, several, log, registry }: Options): SourcesHealth {
  const byName = new Map<string, SourceHealth>();
  // Also of the sources that changed since: their alerts need not wait any more.
  const waiting = new Map<string, WaitingAlerts>();
  const open = (name: string): SourceHealth => {
    const prefix = several || name !== DEFAULT_SOURCE ? `source ${name}: ` : '';
    const alerts = waiting.get(name) ?? createWaitingAlerts();
    waiting.set(name, alerts);
    const breaker = createSourceBreaker(undefined, undefined, alerts);
    const health = openHealth(breaker, createOutageLog(log, name), prefix);
    byName.set(name, health);
    return health;
  };
  const ofName = (name: string) => byName.get(name) ?? open(name);
  new Gauge({
    name: 'video_source_up',
    help: '0 while alerts wait because their source of videos is down and only probes connect to it; 1 otherwise.',
    labelNames: ['source'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [source, health] of byName) this.set({ source }, health.isDown() ? 0 : 1);
    },
  });
  return {
    of: (location) => ofName(nameOf(location)),
    update(names, changed = []) {
      for (const name of changed) byName.delete(name);
      for (const name of names) ofName(name);
    },
    isAnyDown: () => [...byName.values()].some((source) => source.isDown()),
    takeWaiting(count) {
      const taken: string[] = [];
      for (const source of byName.values()) taken.push(...source.takeWaiting(count - taken.length));
      return taken;
    },
  };
}

/** `prefix`: what precedes the details of its failures. */
export function openHealth(breaker: SourceBreaker, outages: OutageLog, prefix: string): SourceHealth {
  return {
    ...breaker,
    failed(alert, failure) {
      breaker.failed(alert, failure);
      return outages.failed(failure);
    },
    responded() {
      outages.responded();
      breaker.responded();
    },
    // It is not the source that crashes a worker.
    describe: (error) => (error instanceof WorkerCrashed ? error.message : `${prefix}${error.message}`),
  };
}
