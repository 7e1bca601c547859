import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '#test/harness/service.ts';

/** A supervised service, with the ways in which the run disturbs it. */
export type Part = Service & {
  /**
   * Lets its process run in short steps, stopped in between, until `caught` at a moment when it is stopped, or for this
   * long. It stays stopped: kill or pause it.
   */
  creep(caught: (processName: string) => Promise<boolean>, ms: number): Promise<void>;
  /** SIGSTOP, and SIGCONT after `ms` or when the signal aborts. */
  pauseFor(ms: number, signal: AbortSignal): Promise<void>;
};

/** Steps are about as long as an attempt, and stops so long that what the process has sent is surely committed. */
const RUN_MS = 20;
const STOP_MS = 10;

export function toPart(service: Service): Part {
  return Object.assign(Object.create(service), {
    async creep(caught: (processName: string) => Promise<boolean>, ms: number) {
      const target = service.process;
      if (!target) return;
      for (const deadline = Date.now() + ms; ; await sleep(RUN_MS)) {
        target.pause();
        await sleep(STOP_MS);
        if ((await caught(target.name)) || Date.now() > deadline) return;
        target.resume();
      }
    },
    async pauseFor(ms: number, signal: AbortSignal) {
      const target = service.process;
      target?.pause();
      await sleep(ms, undefined, { signal }).catch(() => {}); // aborted: go on at once
      target?.resume();
    },
  });
}
