import { once } from 'node:events';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import {
  type Change,
  type ChangeFilter,
  comparePositions,
  type FeedPosition,
  readFeedBounds,
} from '#prisma/change-feed.ts';
import type { Database } from '#prisma/client.ts';
import { presentAlert } from '#prisma/present-alert.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';
import { type Auth, canAccessStore, recheckScope, requireScope, slotHolderOf } from '../auth/client.ts';
import type { LongPollSlots } from '../http/long-poll-slots.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import type { ChangeFeed } from './change-feed.ts';
import { eventQuerySchema } from './schema.ts';

type Deps = { db: Database; auth: Auth; changeFeed: ChangeFeed; longPollSlots: LongPollSlots };

/** A client that reads nothing for `drainMs` is disconnected. It reconnects and continues where it was. */
type Timing = { pingMs: number; drainMs: number };
// Two heartbeats in 10 s, so that a client can notice within that time that the server is frozen.
const TIMING: Timing = { pingMs: 5_000, drainMs: 30_000 };

/** GET /alerts/events: status changes as Server-Sent Events. */
export function eventRoutes(deps: Deps, timing = TIMING): Router {
  const router = Router();
  router.route('/alerts/events').get(requireScope('read'), getEvents(deps, timing)).all(allow('GET'));
  return router;
}

function getEvents(deps: Deps, timing: Timing): RequestHandler {
  return async (req, res) => {
    const query = parse(eventQuerySchema, req.query, 'query');
    const lastId = req.get('last-event-id') || query.last_event_id;
    const last = lastId === undefined ? undefined : parseEventId(lastId);
    const closed = deps.longPollSlots.take(slotHolderOf(req), res);
    const { now, end } = await readFeedBounds(deps.db);
    // A position after the end of the feed comes from another database, or from before a restore.
    const unknownPosition = last !== undefined && comparePositions(last, end) > 0;
    const start = unknownPosition || !last ? now : last;
    res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    // Clients remember an id without data, which is no event: from here on they miss nothing.
    res.write(`retry: 3000\nid: ${eventIdOf(start)}\n\n`);
    if (unknownPosition) res.write(formatReset(start));
    const filter = { stores: storesOf(req, query.store), status: query.status };
    const matches = (alert: RelatedAlert) =>
      canAccessStore(req.apiClient, alert.store) &&
      (query.store === undefined || query.store === alert.store) &&
      (query.status === undefined || query.status === alert.status);
    const isKeyValid = () =>
      recheckScope(deps.auth, req, 'read').then(
        () => true,
        (error: unknown) => !(error instanceof Problem), // any other error leaves the key's validity open
      );
    await stream(deps.changeFeed, res, { ...timing, start, closed, filter, matches, isKeyValid });
  };
}

/** Returns the stores whose alerts the stream may contain; undefined: all. */
function storesOf(req: Request, store: string | undefined): readonly string[] | undefined {
  if (store === undefined) return req.apiClient.stores;
  return canAccessStore(req.apiClient, store) ? [store] : [];
}

type Subscription = {
  start: FeedPosition;
  closed: AbortSignal;
  /** Saves reading alerts that do not match. */
  filter: ChangeFilter;
  matches(alert: RelatedAlert): boolean;
  isKeyValid(): Promise<boolean>;
};

/** Writes events until the client disconnects, its key becomes invalid, or the feed is closed. */
async function stream(feed: ChangeFeed, res: Response, options: Timing & Subscription): Promise<void> {
  const keyInvalid = new AbortController();
  const ended = AbortSignal.any([options.closed, keyInvalid.signal]);
  let position = options.start;
  const ping = setInterval(async () => {
    // With the position: changes that the filter skips advance it without an event of their own.
    if (!res.writableNeedDrain) res.write(formatPing(position));
    if (!(await options.isKeyValid())) keyInvalid.abort();
  }, options.pingMs);
  try {
    while (!ended.aborted) {
      const step = await feed.after(position, ended, options.filter);
      if (step.kind === 'closed' || !(await options.isKeyValid())) break;
      if (step.kind === 'unknown-position') {
        // Now, and not only after the client has reconnected: by then the position may be a valid one.
        res.write(formatReset(step.now));
        break;
      }
      position = step.position;
      const events = step.changes.filter(({ alert }) => options.matches(alert)).map(formatEvent);
      if (events.length > 0 && !res.write(Buffer.concat(events))) {
        await drain(res, AbortSignal.any([ended, AbortSignal.timeout(options.drainMs)]));
      }
    }
    res.end();
  } finally {
    clearInterval(ping);
  }
}

/** Waits until the client has read what was written. Disconnects it when the signal is aborted. */
async function drain(res: Response, signal: AbortSignal): Promise<void> {
  await once(res, 'drain', { signal }).catch(() => res.destroy());
}

/** All streams receive the same changes. */
const formatted = new WeakMap<Change, Buffer>();

function formatEvent(change: Change): Buffer {
  const known = formatted.get(change);
  if (known) return known;
  const { position, alert } = change;
  const data = JSON.stringify(presentAlert(alert));
  const event = Buffer.from(`id: ${eventIdOf(position)}\nevent: alert.${alert.status}\ndata: ${data}\n\n`);
  formatted.set(change, event);
  return event;
}

function formatReset(position: FeedPosition): string {
  return `event: reset\nid: ${eventIdOf(position)}\ndata: {}\n\n`;
}

/** A named event, because pages do not see comments. */
function formatPing(position: FeedPosition): string {
  return `event: ping\nid: ${eventIdOf(position)}\ndata: {}\n\n`;
}

function eventIdOf({ xid, id }: FeedPosition): string {
  return `${xid}.${id}`;
}

const MAX_XID = 2n ** 64n - 1n;
const MAX_ID = 2n ** 63n - 1n;

function parseEventId(eventId: string): FeedPosition {
  const [, xid, id] = /^(\d{1,20})\.(\d{1,19})$/.exec(eventId) ?? [];
  if (xid !== undefined && id !== undefined && BigInt(xid) <= MAX_XID && BigInt(id) <= MAX_ID) {
    return { xid: BigInt(xid), id: BigInt(id) };
  }
  throw new Problem('bad-event-id', 'This server did not issue this event id.');
}
