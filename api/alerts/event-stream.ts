import { once } from 'node:events';
import { type RequestHandler, type Response, Router } from 'express';
import type { Alert } from '#prisma/alerts.ts';
import { type Change, comparePositions, type Place, readHorizon } from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import { type Auth, checkScopeAgain, reaches, requireScope } from '../auth/caller.ts';
import type { LongPollSlots } from '../http/long-poll-slots.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import type { ChangeFeed } from './change-feed.ts';
import { eventQuerySchema, presentAlert } from './schema.ts';

type Deps = { db: Database; auth: Auth; changes: ChangeFeed; holds: LongPollSlots };

/** `slowMs`: a reader that takes nothing for so long is cut off, and comes again where it was. */
type Timing = { pingMs: number; slowMs: number };
const TIMING: Timing = { pingMs: 15_000, slowMs: 30_000 };

/** GET /alerts/events: status changes as Server-Sent Events. */
export function eventRoutes(deps: Deps, timing = TIMING): Router {
  const router = Router();
  router.route('/alerts/events').get(requireScope('read'), getEvents(deps, timing)).all(allow('GET'));
  return router;
}

function getEvents(deps: Deps, timing: Timing): RequestHandler {
  return async (req, res) => {
    const query = parse(eventQuerySchema, req.query, 'The query was refused');
    const id = req.get('last-event-id') || query.last_event_id;
    const last = id === undefined ? undefined : parsePlace(id);
    const closed = deps.holds.take(req, res);
    const { now, end } = await readHorizon(deps.db);
    const gone = last !== undefined && comparePositions(last, end) > 0;
    const start = gone || !last ? now : last;
    res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    // An id without data is kept by the reader and is no event: from here on nothing is missed.
    res.write(`retry: 3000\nid: ${formatPlace(start)}\n\n`);
    // The database was made anew: the reader's place is none of its.
    if (gone) res.write(`event: reset\nid: ${formatPlace(start)}\ndata: {}\n\n`);
    const wanted = (alert: Alert) =>
      reaches(req.caller, alert.store) &&
      (query.store === undefined || query.store === alert.store) &&
      (query.status === undefined || query.status === alert.status);
    const keyIsGood = () =>
      checkScopeAgain(deps.auth, req, 'read').then(
        () => true,
        (error: unknown) => !(error instanceof Problem), // a database that is away says nothing of the key
      );
    await stream(deps.changes, res, { ...timing, start, closed, wanted, keyIsGood });
  };
}

type Reader = { start: Place; closed: AbortSignal; wanted(alert: Alert): boolean; keyIsGood(): Promise<boolean> };

/** Writes events until the reader goes, the key does, or the feed is closed. */
async function stream(feed: ChangeFeed, res: Response, options: Timing & Reader): Promise<void> {
  const keyGone = new AbortController();
  const gone = AbortSignal.any([options.closed, keyGone.signal]);
  let place = options.start;
  const ping = setInterval(async () => {
    // The place too: behind a filter it moves without an event.
    if (!res.writableNeedDrain) res.write(`id: ${formatPlace(place)}\n: ping\n\n`);
    if (!(await options.keyIsGood())) keyGone.abort();
  }, options.pingMs);
  try {
    while (!gone.aborted) {
      const changes = await feed.after(place, gone);
      const last = changes.at(-1);
      if (!last || !(await options.keyIsGood())) break;
      place = last.place;
      const text = changes
        .filter(({ alert }) => options.wanted(alert))
        .map(formatEvent)
        .join('');
      if (text !== '' && !res.write(text))
        await drained(res, AbortSignal.any([gone, AbortSignal.timeout(options.slowMs)]));
    }
    res.end();
  } finally {
    clearInterval(ping);
  }
}

/** Cuts off a reader that has not taken what was written when the signal is given. */
async function drained(res: Response, signal: AbortSignal): Promise<void> {
  await once(res, 'drain', { signal }).catch(() => res.destroy());
}

function formatEvent({ place, alert }: Change): string {
  return `id: ${formatPlace(place)}\nevent: alert.${alert.status}\ndata: ${JSON.stringify(presentAlert(alert))}\n\n`;
}

function formatPlace({ changed, id }: Place): string {
  return `${changed}.${id}`;
}

const MAX_XID = 2n ** 64n - 1n;
const MAX_ID = 2n ** 63n - 1n;

function parsePlace(id: string): Place {
  const [, changed, row] = /^(\d{1,20})\.(\d{1,19})$/.exec(id) ?? [];
  if (changed !== undefined && row !== undefined && BigInt(changed) <= MAX_XID && BigInt(row) <= MAX_ID) {
    return { changed: BigInt(changed), id: BigInt(row) };
  }
  throw new Problem('bad-event-id', 'The event id was not made by this server.');
}
