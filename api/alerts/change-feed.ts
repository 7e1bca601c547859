import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Change, comparePositions, type Place, readChanges } from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';

const POLL_MS = 200;
// After a database that did not answer.
const REST_MS = 1_000;
// Some 350 kB of events.
const PAGE = 500;

type Waiter = { wake(changes: Change[]): void; fail(error: unknown): void; leave(): void };

/**
 * The status changes of all replicas, read from the database: one query every 200 ms for all who wait at its end, and
 * none while nobody does. Who is further behind reads pages of their own until they have caught up.
 */
export class ChangeFeed {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #waiters = new Set<Waiter>();
  /** The last changes that a poll found, the place they lie behind, and their end, where the next poll begins. */
  #found: Change[] = [];
  #from: Place | undefined;
  #head: Place | undefined;
  /** Set from the first wait until nobody waits any more. */
  #timer: NodeJS.Timeout | undefined;
  #down = false;
  #closed = false;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /**
   * The next changes behind a place; waits until there are some, through an outage of the database too. Empty once the
   * signal is given or the feed is closed.
   */
  async after(place: Place, signal: AbortSignal): Promise<Change[]> {
    while (!this.#closed && !signal.aborted) {
      if (this.#timer && this.#from && comparePositions(place, this.#from) >= 0) {
        const found = behind(place, this.#found);
        if (found.length > 0) return found;
      }
      if (this.#timer && this.#head && comparePositions(place, this.#head) >= 0) return this.#wait(place, signal);
      const changes = await this.#read(place);
      if (changes?.length) return changes;
      if (changes) return this.#wait(place, signal);
      await sleep(REST_MS, undefined, { signal }).catch(() => {}); // the loop sees why
    }
    return [];
  }

  /** Ends every wait, now and later. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter.leave();
  }

  #wait(place: Place, signal: AbortSignal): Promise<Change[]> {
    if (this.#closed || signal.aborted) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', leave);
        resolve([]); // nothing where it was told already
      };
      const waiter: Waiter = {
        wake(changes) {
          const fresh = behind(place, changes);
          if (fresh.length === 0) return;
          resolve(fresh);
          leave();
        },
        fail(error) {
          reject(error);
          leave();
        },
        leave,
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', leave);
      if (this.#timer) return;
      // The first to wait: what was found before is old.
      this.#found = [];
      this.#from = undefined;
      this.#head = place;
      this.#schedule(POLL_MS);
    });
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (this.#head && this.#waiters.size > 0) void this.#poll(this.#head);
      else this.#timer = undefined;
    }, ms);
  }

  async #poll(start: Place): Promise<void> {
    let changes: Change[] | undefined;
    try {
      changes = await this.#read(start);
      const last = changes?.at(-1);
      if (changes && last) {
        this.#found = changes;
        this.#from = start;
        this.#head = last.place;
        for (const waiter of this.#waiters) waiter.wake(changes);
      }
    } catch (error) {
      for (const waiter of this.#waiters) waiter.fail(error);
    }
    if (changes) this.#schedule(changes.length === PAGE ? 0 : POLL_MS);
    else this.#schedule(REST_MS);
  }

  /** Undefined where the database does not answer: told once, until it does. */
  async #read(place: Place): Promise<Change[] | undefined> {
    try {
      const changes = await readChanges(this.#db, place, PAGE);
      this.#down = false;
      return changes;
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      if (!this.#down) this.#log.warn({ err: error }, 'events wait: the database does not answer');
      this.#down = true;
      return undefined;
    }
  }
}

function behind(place: Place, changes: Change[]): Change[] {
  return changes.filter((change) => comparePositions(change.place, place) > 0);
}
