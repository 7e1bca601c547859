import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Change, comparePositions, type FeedPosition, readChanges } from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';

const POLL_MS = 200;
// After a query that failed because the database is unavailable.
const RETRY_MS = 1_000;
// About 350 kB of events.
const PAGE_SIZE = 500;

type Waiter = { onChanges(changes: Change[]): void; onError(error: unknown): void; cancel(): void };

/**
 * The status changes made by all processes, read from the database. All waiters at the end of the feed share one query
 * every 200 ms; without waiters there is none. A waiter further behind reads its own pages until it has caught up.
 */
export class ChangeFeed {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #waiters = new Set<Waiter>();
  /** The changes that the last poll found, and the position before them. */
  #recent: Change[] = [];
  #recentFrom: FeedPosition | undefined;
  /** The end of the feed, where the next poll starts. */
  #end: FeedPosition | undefined;
  /** Set while the feed is polled: from the first waiter until there is none. */
  #timer: NodeJS.Timeout | undefined;
  #unavailable = false;
  #closed = false;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /**
   * Returns the next changes after a position. Waits until there are some, even while the database is unavailable.
   * Returns none once the signal is aborted or the feed is closed.
   */
  async after(position: FeedPosition, signal: AbortSignal): Promise<Change[]> {
    while (!this.#closed && !signal.aborted) {
      if (this.#timer && this.#recentFrom && comparePositions(position, this.#recentFrom) >= 0) {
        const found = changesAfter(position, this.#recent);
        if (found.length > 0) return found;
      }
      if (this.#timer && this.#end && comparePositions(position, this.#end) >= 0) return this.#wait(position, signal);
      const changes = await this.#read(position);
      if (changes?.length) return changes;
      if (changes) return this.#wait(position, signal);
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
    }
    return [];
  }

  /** Ends all current and future waits. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter.cancel();
  }

  #wait(position: FeedPosition, signal: AbortSignal): Promise<Change[]> {
    if (this.#closed || signal.aborted) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', cancel);
        resolve([]); // no effect if the promise is settled already
      };
      const waiter: Waiter = {
        onChanges(changes) {
          const newChanges = changesAfter(position, changes);
          if (newChanges.length === 0) return;
          resolve(newChanges);
          cancel();
        },
        onError(error) {
          reject(error);
          cancel();
        },
        cancel,
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', cancel);
      if (!this.#timer) this.#startPolling(position);
    });
  }

  #startPolling(position: FeedPosition): void {
    // What the polls before the pause found is outdated.
    this.#recent = [];
    this.#recentFrom = undefined;
    this.#end = position;
    this.#schedulePoll(POLL_MS);
  }

  #schedulePoll(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (this.#end && this.#waiters.size > 0) void this.#poll(this.#end);
      else this.#timer = undefined;
    }, ms);
  }

  async #poll(start: FeedPosition): Promise<void> {
    let changes: Change[] | undefined;
    try {
      changes = await this.#read(start);
      const last = changes?.at(-1);
      if (changes && last) {
        this.#recent = changes;
        this.#recentFrom = start;
        this.#end = last.position;
        for (const waiter of this.#waiters) waiter.onChanges(changes);
      }
    } catch (error) {
      for (const waiter of this.#waiters) waiter.onError(error);
    }
    if (changes) this.#schedulePoll(changes.length === PAGE_SIZE ? 0 : POLL_MS);
    else this.#schedulePoll(RETRY_MS);
  }

  /** Returns undefined while the database is unavailable, and logs once per outage. */
  async #read(position: FeedPosition): Promise<Change[] | undefined> {
    try {
      const changes = await readChanges(this.#db, position, PAGE_SIZE);
      this.#unavailable = false;
      return changes;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      if (!this.#unavailable) this.#log.warn({ err: error }, 'change feed paused: database unavailable');
      this.#unavailable = true;
      return undefined;
    }
  }
}

function changesAfter(position: FeedPosition, changes: Change[]): Change[] {
  return changes.filter((change) => comparePositions(change.position, position) > 0);
}
