import { type Request, type RequestHandler, type Response, Router } from 'express';
import { TimeoutError, withTimeout } from '#async/timeout.ts';
import type { MediaStore } from '#media/store.ts';
import type { VersionedAlert } from '#prisma/alert-reads.ts';
import { type AlertCursor, type AlertFilter, findAlert, listAlerts } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import type { AlertStatus } from '#prisma/generated/enums.ts';
import { presentAlert } from '#prisma/present-alert.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';
import { allWithRelated, withRelated } from '#prisma/related-reads.ts';
import type { StaleReads } from '#prisma/replica.ts';
import { type Found, searchAlerts } from '#prisma/search.ts';
import { type Auth, canAccessStore, recheckScope, requireScope, slotHolderOf } from '../auth/client.ts';
import type { LongPollSlots } from '../http/long-poll-slots.ts';
import { linkNextPage } from '../http/next-page.ts';
import { preferredWait } from '../http/prefer.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { type AdmitDeps, admitAlert } from './admission.ts';
import { etagOf } from './etag.ts';
import { deleteOneAlert } from './hold-routes.ts';
import { filterOf } from './list-filter.ts';
import { alertListQuerySchema } from './list-schema.ts';
import type { LongPoll } from './long-poll.ts';
import type { CachedResponse, ResponseCache } from './response-cache.ts';
import { alertPathSchema, type newAlertSchema } from './schema.ts';
import type { StoreNames } from './store-names.ts';

type Deps = AdmitDeps & {
  staleReads: StaleReads;
  media: { store: MediaStore | undefined };
  auth: Auth;
  longPoll: LongPoll;
  responses: ResponseCache;
  longPollSlots: LongPollSlots;
  storeNames: StoreNames;
  newAlertSchema: typeof newAlertSchema;
};

/** Longest time from the end of a wait to its response: the key is checked and the alert is read again. */
const AFTER_WAIT_MS = 3_000;

const FINAL: ReadonlySet<AlertStatus> = new Set(['processed', 'failed']);

/** POST and GET /alerts. */
export function alertCollectionRoutes(deps: Deps): Router {
  const router = Router();
  const route = router.route('/alerts');
  route.get(requireScope('read'), getAlerts(deps));
  route.post(requireScope('write'), readJson, postAlert(deps));
  route.all(allow('GET', 'POST'));
  return router;
}

/** GET and DELETE /alerts/:uuid. Behind the routes of other paths that it matches. */
export function singleAlertRoutes(deps: Deps): Router {
  const router = Router();
  const one = router.route('/alerts/:uuid');
  one.get(requireScope('read'), getAlert(deps));
  one.delete(requireScope('manage'), deleteOneAlert(deps));
  one.all(allow('GET', 'DELETE'));
  return router;
}

function postAlert(deps: Deps): RequestHandler {
  return async (req, res) => {
    const alert = parse(deps.newAlertSchema, req.body, 'alert');
    const admitted = await admitAlert(deps, req, alert);
    req.log.info({ alert: alert.uuid, result: admitted.kind }, 'alert received');
    if (admitted.kind === 'duplicate') {
      res.set('Idempotency-Replayed', 'true').json(presentAlert(await withRelated(deps.db, admitted.alert)));
      return;
    }
    // Not by json(), which hashes the body into an ETag. A POST has no use for one.
    res
      .status(202)
      .set({ Location: `/alerts/${alert.uuid}`, 'Retry-After': '1' })
      .type('json')
      .end(JSON.stringify({ ...presentAlert(admitted.alert), dispatch: admitted.dispatch }));
  };
}

function getAlert(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const isFresh = /\bno-cache\b/i.test(req.get('cache-control') ?? '');
    // Express hashes the body into a strong ETag and responds with 304 to a matching If-None-Match, except if the request
    // has Cache-Control: no-cache. fetch() adds that to every request with If-None-Match.
    delete req.headers['cache-control'];
    const seconds = preferredWait(req.get('prefer'));
    if (seconds !== undefined) {
      const { alert: found } = await readAlert(deps, req, uuid);
      const alert = await waitForChange(deps, req, res, { found, seconds });
      // The client may have seen a change that the cache has not.
      deps.responses.drop(uuid);
      res.set('Preference-Applied', `wait=${seconds}`);
      sendAlert(res, alert);
      return;
    }
    const cached = isFresh ? undefined : deps.responses.find(uuid);
    if (!cached) {
      await sendRead(deps, req, res, uuid);
      return;
    }
    if (!canAccessStore(req.apiClient, cached.store)) throw unknownAlert();
    sendCached(res, cached);
  };
}

/** Sends the alert from the database, and keeps the response if no more changes of the alert are expected. */
async function sendRead(deps: Deps, req: Request, res: Response, uuid: string): Promise<void> {
  const read = deps.responses.startRead(uuid);
  const { alert, version } = await readAlert(deps, req, uuid);
  if (!FINAL.has(alert.status) || alert.notifiedAt === null) {
    sendAlert(res, alert);
    return;
  }
  const body = Buffer.from(JSON.stringify(presentAlert(alert)));
  const response = { store: alert.store, body, etag: req.app.get('etag fn')(body) };
  deps.responses.keep(uuid, read, { ...response, version });
  sendCached(res, response);
}

async function readAlert({ db }: Deps, req: Request, uuid: string): Promise<VersionedAlert> {
  const read = await db.alertReads.find(uuid);
  if (!read || !canAccessStore(req.apiClient, read.alert.store)) throw unknownAlert();
  return read;
}

function unknownAlert(): Problem {
  return new Problem('not-found', 'No alert has this uuid.');
}

function sendAlert(res: Response, alert: RelatedAlert): void {
  if (!FINAL.has(alert.status)) res.set('Retry-After', '1');
  res.set('Cache-Control', 'private, no-cache').json(presentAlert(alert));
}

/** Sends the same response as sendAlert. With an ETag, Express hashes nothing. */
function sendCached(res: Response, { body, etag }: CachedResponse): void {
  res
    .set({ 'Cache-Control': 'private, no-cache', 'Content-Type': 'application/json; charset=utf-8', ETag: etag })
    .send(body);
}

/**
 * Returns the alert once it differs from what the client knows, or after `seconds`. The client knows the ETag of its
 * If-None-Match; without one, it knows nothing, and the wait is for a change of `found`. Throws DatabaseUnavailable as
 * soon as a query during the wait fails (a silent database: after 10 s), at the latest 3 s after the wait.
 */
async function waitForChange(
  deps: Deps,
  req: Request,
  res: Response,
  { found, seconds }: { found: RelatedAlert; seconds: number },
): Promise<RelatedAlert> {
  const foundEtag = req.get('if-none-match') === undefined ? etagOf(req, found) : undefined;
  // A final alert is returned at once. A client that knows it can still wait for its last changes, the notification and the
  // picture; after those no wait helps, and browsers send If-None-Match by themselves.
  const unfinished = found.notifiedAt === null || found.picture?.status === 'pending';
  if (FINAL.has(found.status) && (foundEtag !== undefined || !unfinished)) return found;
  const isChanged = (alert: RelatedAlert) => {
    const etag = etagOf(req, alert);
    if (foundEtag !== undefined) return etag !== foundEtag;
    res.set('ETag', etag);
    const { fresh } = req; // compares If-None-Match with the ETag of the response
    res.removeHeader('ETag');
    return !fresh;
  };
  if (isChanged(found)) return found;
  const closed = deps.longPollSlots.take(slotHolderOf(req), res);
  const signal = AbortSignal.any([closed, AbortSignal.timeout(seconds * 1000)]);
  const alert = await deps.longPoll.waitForChange(found.uuid, isChanged, signal);
  const readAgain = async () => {
    await recheckScope(deps.auth, req, 'read');
    if (alert) return alert;
    const row = await findAlert(deps.db, found.uuid);
    return row ? withRelated(deps.db, row) : found;
  };
  return withTimeout(readAgain(), AFTER_WAIT_MS).catch((error) => {
    throw error instanceof TimeoutError ? new DatabaseUnavailable(error) : error;
  });
}

function getAlerts(deps: Deps): RequestHandler {
  return async (req, res) => {
    const query = parse(alertListQuerySchema, req.query, 'query');
    const oldestFirst = query.sort === 'received_at';
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor, oldestFirst);
    const filter = filterOf(query, req.apiClient);
    // One more than requested shows whether there is a next page.
    const limits = { limit: query.limit + 1, after, oldestFirst };
    const stores = query.q === undefined ? [] : await deps.storeNames.containing(query.q, filter.stores);
    // A client that applies events to a list needs one that is as new as the events.
    const isFresh = /\bno-cache\b/i.test(req.get('cache-control') ?? '');
    const read: StaleReads = isFresh ? (query) => query(deps.db) : deps.staleReads;
    const { found, page } = await read((db) => readPage(db, filter, { text: query.q, stores }, limits));
    const last = page.at(-1);
    const cursor = found.alerts.length > page.length && last ? encodeCursor(last, oldestFirst) : null;
    linkNextPage(req, res, cursor);
    res.set('Cache-Control', 'private, no-cache').json({
      data: page.map((alert) => presentAlert(alert)),
      next_cursor: cursor,
      ...('comparedFrom' in found && { searched_from: found.comparedFrom?.toISOString() ?? null }),
    });
  };
}

type Limits = { limit: number; after: AlertCursor | undefined; oldestFirst: boolean };

/** Returns the alerts that were found, and the page of them, which is one shorter if there are more. */
async function readPage(
  db: Database,
  filter: AlertFilter,
  { text, stores }: { text: string | undefined; stores: string[] },
  limits: Limits,
) {
  const found: Pick<Found, 'alerts'> | Found =
    text === undefined
      ? { alerts: await listAlerts(db, filter, limits) }
      : await searchAlerts(db, filter, { text, stores }, limits);
  return { found, page: await allWithRelated(db, found.alerts.slice(0, limits.limit - 1)) };
}

/** The mark of a cursor of the order `received_at`; those of the default order have none. */
const OLDEST_FIRST = '+';

function encodeCursor({ receivedAt, id }: AlertCursor, oldestFirst: boolean): string {
  return Buffer.from(`${oldestFirst ? OLDEST_FIRST : ''}${receivedAt.getTime()}.${id}`).toString('base64url');
}

function decodeCursor(cursor: string, oldestFirst: boolean): AlertCursor {
  const match = /^(\+?)(\d{1,15})\.(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (!match?.[2] || !match[3]) throw new Problem('bad-cursor', 'This server did not issue this cursor.');
  if ((match[1] === OLDEST_FIRST) !== oldestFirst)
    throw new Problem('bad-cursor', 'The cursor belongs to another order: send it with the same `sort`.');
  return { receivedAt: new Date(Number(match[2])), id: BigInt(match[3]) };
}
