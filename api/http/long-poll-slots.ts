import type { Request, Response } from 'express';
import { EVERYONE } from '../auth/caller.ts';
import { Problem } from './problem.ts';

/** Counts the answers that are held open: event streams and waits. */
export class LongPollSlots {
  readonly #most: number;
  readonly #open = new Map<string, number>();

  /** `most`: at a time, of one key; where everyone may call, of one address. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts this one until its answer is closed, which the signal tells; throws the Problem of one too many. */
  take(req: Request, res: Response): AbortSignal {
    // Its caller may have gone while others were asked about it: then no 'close' comes any more.
    if (res.closed) return AbortSignal.abort();
    const whose = req.caller === EVERYONE ? `address ${req.ip}` : `key ${req.caller.id}`;
    const open = this.#open.get(whose) ?? 0;
    if (open >= this.#most) {
      throw new Problem('too-many-held', `${open} answers are held open for the ${whose} already.`, {
        headers: { 'Retry-After': '5' },
      });
    }
    this.#open.set(whose, open + 1);
    const closed = new AbortController();
    res.once('close', () => {
      closed.abort();
      const left = (this.#open.get(whose) ?? 1) - 1;
      if (left > 0) this.#open.set(whose, left);
      else this.#open.delete(whose);
    });
    return closed.signal;
  }
}
