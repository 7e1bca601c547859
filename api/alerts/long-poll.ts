import type { Alert } from '#prisma/alerts.ts';
import { readAlerts } from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';

const POLL_MS = 100;

type Wait = { uuid: string; isNews: (alert: Alert) => boolean; end(alert?: Alert): void; fail(error: unknown): void };

/**
 * Requests that wait for a change of their alert, whichever process makes it: one query every 100 ms for all of them,
 * and none while nobody waits.
 */
export class LongPoll {
  readonly #db: Database;
  readonly #waits = new Set<Wait>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(db: Database) {
    this.#db = db;
  }

  /** How many wait now. */
  get size(): number {
    return this.#waits.size;
  }

  /** The alert as soon as `isNews` says so; undefined once the signal is given. Throws DatabaseUnavailable. */
  until(uuid: string, isNews: (alert: Alert) => boolean, signal: AbortSignal): Promise<Alert | undefined> {
    if (this.#closed || signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waits.delete(wait);
        signal.removeEventListener('abort', give);
      };
      const give = () => wait.end();
      const wait: Wait = {
        uuid,
        isNews,
        end(alert) {
          leave();
          resolve(alert);
        },
        fail(error) {
          leave();
          reject(error);
        },
      };
      this.#waits.add(wait);
      signal.addEventListener('abort', give);
      this.#timer ??= setTimeout(() => void this.#poll(), POLL_MS);
    });
  }

  /** Ends every wait, now and later. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const wait of this.#waits) wait.end();
  }

  async #poll(): Promise<void> {
    const asked = [...this.#waits];
    try {
      const alerts = await readAlerts(this.#db, [...new Set(asked.map(({ uuid }) => uuid))]);
      const byUuid = new Map(alerts.map((alert) => [alert.uuid, alert]));
      for (const wait of asked) {
        const alert = byUuid.get(wait.uuid);
        // One that ended meanwhile has its answer already.
        if (alert && this.#waits.has(wait) && wait.isNews(alert)) wait.end(alert);
      }
    } catch (error) {
      for (const wait of asked) wait.fail(error);
    }
    const again = this.#waits.size > 0 && !this.#closed;
    this.#timer = again ? setTimeout(() => void this.#poll(), POLL_MS) : undefined;
  }
}
