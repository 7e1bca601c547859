import type { Response } from 'express';
import { Problem } from './problem.ts';

/** Limits how many responses each holder keeps open at the same time: event streams and `Prefer: wait` requests. */
export class LongPollSlots {
  readonly #slotsPerHolder: number;
  readonly #taken = new Map<string, number>();

  constructor(slotsPerHolder: number) {
    this.#slotsPerHolder = slotsPerHolder;
  }

  /**
   * Takes a slot of the holder, such as `key 0123456789`, until the response is closed. Returns a signal that aborts at
   * that moment. Throws a Problem if no slot is free.
   */
  take(holder: string, res: Response): AbortSignal {
    // The client may have disconnected during an earlier query. Then no 'close' event follows.
    if (res.closed) return AbortSignal.abort();
    const taken = this.#taken.get(holder) ?? 0;
    if (taken >= this.#slotsPerHolder) {
      throw new Problem('too-many-held', `The ${holder} already holds ${taken} event streams and waits open.`, {
        headers: { 'Retry-After': '5' },
      });
    }
    this.#taken.set(holder, taken + 1);
    const closed = new AbortController();
    res.once('close', () => {
      closed.abort();
      this.#release(holder);
    });
    return closed.signal;
  }

  #release(holder: string): void {
    const taken = (this.#taken.get(holder) ?? 1) - 1;
    if (taken > 0) this.#taken.set(holder, taken);
    else this.#taken.delete(holder);
  }
}
