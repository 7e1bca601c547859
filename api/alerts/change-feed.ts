import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  type Change,
  type ChangeFilter,
  type ChangePage,
  comparePositions,
  type FeedPosition,
  type PageSize,
  readChanges,
} from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { allWithRelated } from '#prisma/related-reads.ts';
import { createTurns } from './turns.ts';

const POLL_MS = 200;
// After a query that failed because the database is unavailable.
const RETRY_MS = 1_000;
// About 350 kB of events.
const PAGE_SIZE = 500;
const POLL = { limit: PAGE_SIZE, scan: PAGE_SIZE };
// docs/decisions/event-replay.md has the measurements.
const CATCH_UP = { limit: PAGE_SIZE, scan: 2_000 };

/** What a reader gets: changes, possibly none, and its new position. */
export type FeedStep =
  | { kind: 'advanced'; changes: Change[]; position: FeedPosition }
  /** The reader's position is after the end of the feed: it comes from another database, or from before a restore. */
  | { kind: 'unknown-position'; now: FeedPosition }
  /** The signal is aborted or the feed is closed. */
  | { kind: 'closed' };

type Waiter = {
  position: FeedPosition;
  resolve(step: FeedStep): void;
  reject(error: unknown): void;
};

/**
 * The status changes made by all processes, read from the database. All waiters share one query every 200 ms, which
 * starts at the lowest of their positions; without waiters there is none. A reader further behind reads its own pages
 * until it has caught up. All such reads of a process take turns, so that they use one connection at most.
 */
export class ChangeFeed {
  readonly #db: Database;
  readonly #log: Logger;
  /** Called with the uuid of each changed alert before a reader gets the change. */
  readonly #onChange: (uuid: string) => void;
  readonly #waiters = new Set<Waiter>();
  readonly #catchUp = createTurns();
  /** All changes after `from` that the last successful poll found. A reader at or after `from` needs no query. */
  #recent: { from: FeedPosition; changes: Change[] } | undefined;
  /** Set while the feed is polled: from the first waiter until there is none. */
  #timer: NodeJS.Timeout | undefined;
  #unavailable = false;
  #closed = false;

  constructor(db: Database, log: Logger, onChange: (uuid: string) => void = () => {}) {
    this.#db = db;
    this.#log = log;
    this.#onChange = onChange;
  }

  /**
   * Returns the next changes after a position. Waits until there are some, even while the database is unavailable. The
   * filter saves work, but the result may contain changes that it excludes.
   */
  async after(position: FeedPosition, signal: AbortSignal, filter: ChangeFilter = {}): Promise<FeedStep> {
    while (!this.#closed && !signal.aborted) {
      if (this.#timer && this.#recent && comparePositions(position, this.#recent.from) >= 0) {
        return stepOf(position, this.#recent.changes) ?? this.#wait(position, signal);
      }
      const page = await this.#readPages(position, filter, signal);
      if (page) {
        if (isAfterEnd(position, page)) return { kind: 'unknown-position', now: page.bounds.now };
        if (comparePositions(page.position, position) > 0) return { kind: 'advanced', ...page };
        return this.#wait(position, signal);
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
    }
    return { kind: 'closed' };
  }

  /** Ends all current and future waits. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter.resolve({ kind: 'closed' });
  }

  #readPages(position: FeedPosition, filter: ChangeFilter, signal: AbortSignal): Promise<ChangePage | undefined> {
    // Without a filter, every scanned row is returned.
    const size = filter.stores || filter.status ? CATCH_UP : POLL;
    return this.#catchUp(() =>
      this.#closed || signal.aborted ? Promise.resolve(undefined) : this.#read(position, size, filter),
    );
  }

  #wait(position: FeedPosition, signal: AbortSignal): Promise<FeedStep> {
    if (this.#closed || signal.aborted) return Promise.resolve({ kind: 'closed' });
    return new Promise((resolve, reject) => {
      const remove = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', cancel);
      };
      const cancel = () => waiter.resolve({ kind: 'closed' });
      const waiter: Waiter = {
        position,
        resolve(step) {
          remove();
          resolve(step);
        },
        reject(error) {
          remove();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', cancel);
      if (this.#timer) return;
      // What the polls before the pause found is outdated.
      this.#recent = { from: position, changes: [] };
      this.#schedulePoll(POLL_MS);
    });
  }

  #schedulePoll(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (this.#waiters.size > 0) void this.#poll();
      else this.#timer = undefined;
    }, ms);
  }

  async #poll(): Promise<void> {
    // From the lowest position: a waiter may have read its own last page before the polls of the other ones.
    const from = [...this.#waiters].map(({ position }) => position).reduce(lower);
    let page: ChangePage | undefined;
    try {
      page = await this.#read(from, POLL);
      if (page) this.#deliver(from, page);
    } catch (error) {
      for (const waiter of this.#waiters) waiter.reject(error);
    }
    if (page) this.#schedulePoll(page.changes.length === PAGE_SIZE ? 0 : POLL_MS);
    else this.#schedulePoll(RETRY_MS);
  }

  #deliver(from: FeedPosition, page: ChangePage): void {
    if (page.changes.length > 0) this.#recent = { from, changes: page.changes };
    // After a restore, readers of the new database are not after the end of the old one.
    if (this.#recent && isAfterEnd(this.#recent.from, page)) this.#recent = undefined;
    for (const waiter of this.#waiters) {
      if (isAfterEnd(waiter.position, page)) waiter.resolve({ kind: 'unknown-position', now: page.bounds.now });
      // A waiter that came during the query may be before `from`.
      else if (comparePositions(waiter.position, from) >= 0) {
        const step = stepOf(waiter.position, page.changes);
        if (step) waiter.resolve(step);
      }
    }
  }

  /** Returns undefined while the database is unavailable, and logs once per outage. */
  async #read(from: FeedPosition, size: PageSize, filter: ChangeFilter = {}): Promise<ChangePage | undefined> {
    try {
      const page = await readChanges(this.#db, from, size, filter);
      this.#unavailable = false;
      for (const { alert } of page.changes) this.#onChange(alert.uuid);
      const alerts = await allWithRelated(
        this.#db,
        page.changes.map(({ alert }) => alert),
      );
      return {
        ...page,
        changes: page.changes.map((change, index) => ({ ...change, alert: alerts[index] ?? change.alert })),
      };
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      if (!this.#unavailable) this.#log.warn({ err: error }, 'change feed paused: database unavailable');
      this.#unavailable = true;
      return undefined;
    }
  }
}

/** Returns undefined if there is no change after the position. */
function stepOf(position: FeedPosition, changes: Change[]): FeedStep | undefined {
  const newChanges = changes.filter((change) => comparePositions(change.position, position) > 0);
  const last = newChanges.at(-1);
  return last && { kind: 'advanced', changes: newChanges, position: last.position };
}

function isAfterEnd(position: FeedPosition, page: ChangePage): boolean {
  return comparePositions(position, page.bounds.end) > 0;
}

function lower(a: FeedPosition, b: FeedPosition): FeedPosition {
  return comparePositions(a, b) <= 0 ? a : b;
}
