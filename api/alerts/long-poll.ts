import { readAlerts } from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';
import { allWithRelated } from '#prisma/related-reads.ts';

const POLL_MS = 100;

type Waiter = {
  uuid: string;
  isChanged: (alert: RelatedAlert) => boolean;
  resolve(alert?: RelatedAlert): void;
  reject(error: unknown): void;
};

/**
 * Requests that wait for a change of their alert or its picture, made by any process. They share one query every 100 ms; without
 * waiting requests there is none.
 */
export class LongPoll {
  readonly #db: Database;
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The number of waiting requests. */
  get size(): number {
    return this.#waiters.size;
  }

  /**
   * Returns the alert once `isChanged` is true for it, or undefined once the signal is aborted. Throws
   * DatabaseUnavailable.
   */
  waitForChange(
    uuid: string,
    isChanged: (alert: RelatedAlert) => boolean,
    signal: AbortSignal,
  ): Promise<RelatedAlert | undefined> {
    if (this.#closed || signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const remove = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', cancel);
      };
      const cancel = () => waiter.resolve();
      const waiter: Waiter = {
        uuid,
        isChanged,
        resolve(alert) {
          remove();
          resolve(alert);
        },
        reject(error) {
          remove();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', cancel);
      this.#timer ??= setTimeout(() => void this.#poll(), POLL_MS);
    });
  }

  /** Ends all current and future waits. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter.resolve();
  }

  async #poll(): Promise<void> {
    const waiters = [...this.#waiters];
    try {
      const rows = await readAlerts(this.#db, [...new Set(waiters.map(({ uuid }) => uuid))]);
      const alerts = await allWithRelated(this.#db, rows);
      const byUuid = new Map(alerts.map((alert) => [alert.uuid, alert]));
      for (const waiter of waiters) {
        const alert = byUuid.get(waiter.uuid);
        // A waiter may have been resolved during the query.
        if (alert && this.#waiters.has(waiter) && waiter.isChanged(alert)) waiter.resolve(alert);
      }
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
    const pollAgain = this.#waiters.size > 0 && !this.#closed;
    this.#timer = pollAgain ? setTimeout(() => void this.#poll(), POLL_MS) : undefined;
  }
}
