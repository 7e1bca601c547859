import type { Logger } from 'pino';
import { type FeedBounds, findHolder, readFeedBounds } from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';

// A trivial query per process every 5 s, with or without event streams.
const TIMING = { checkMs: 5_000, warnMs: 10_000 };

type Hold = { xid: bigint; since: number; warned: boolean };

/**
 * Measures how long the oldest open transaction of the database server has delayed events. The time
 * starts at the first check that sees the delay, by this process's clock, so the result is too low by up to one interval. Logs one line when a
 * transaction has delayed events for `warnMs`, and one when it has ended.
 */
export class FeedLag {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #timing: typeof TIMING;
  #hold: Hold | undefined;
  #seconds: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(db: Database, log: Logger, timing = TIMING) {
    this.#db = db;
    this.#log = log;
    this.#timing = timing;
    void this.#check();
  }

  /** Returns 0 if no transaction delays events, undefined while the database is unavailable. */
  get seconds(): number | undefined {
    return this.#seconds;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    try {
      this.#observe(await readFeedBounds(this.#db));
      if (this.#hold) await this.#warn(this.#hold);
    } catch (error) {
      this.#seconds = undefined;
      // Others report that the database is unavailable.
      if (!(error instanceof DatabaseUnavailable)) this.#log.error({ err: error }, 'cannot read the delay of events');
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#check(), this.#timing.checkMs);
  }

  #observe({ now: { xid: oldest }, end }: FeedBounds): void {
    // If no transaction is open, or only the newest one, there are no later changes that it could delay.
    const held = oldest < end.xid ? oldest : undefined;
    if (this.#hold?.xid !== held) {
      if (this.#hold?.warned) {
        this.#log.info({ delayedSeconds: secondsOf(this.#hold) }, 'the transaction that delayed events has ended');
      }
      this.#hold = held === undefined ? undefined : { xid: held, since: performance.now(), warned: false };
    }
    this.#seconds = this.#hold ? secondsOf(this.#hold) : 0;
  }

  async #warn(hold: Hold): Promise<void> {
    if (hold.warned || performance.now() - hold.since < this.#timing.warnMs) return;
    const holder = await findHolder(this.#db, hold.xid);
    hold.warned = true;
    this.#log.warn(
      { xid: hold.xid.toString(), delayedSeconds: secondsOf(hold), holder },
      'an open transaction delays all events',
    );
  }
}

function secondsOf({ since }: Hold): number {
  return Math.round(performance.now() - since) / 1000;
}
