import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type Alert, type AlertCursor, findAlert, listAlerts } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertStatus } from '#prisma/generated/enums.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { type Auth, checkScopeAgain, reaches, requireScope } from '../auth/caller.ts';
import type { LongPollSlots } from '../http/long-poll-slots.ts';
import { preferredWait } from '../http/prefer.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import type { ApiMetrics } from '../operations/metrics.ts';
import { admitAlert } from './admission.ts';
import type { Backpressure } from './backpressure.ts';
import type { LongPoll } from './long-poll.ts';
import { alertPathSchema, alertQuerySchema, newAlertSchema, presentAlert } from './schema.ts';

type Deps = {
  db: Database;
  auth: Auth;
  queue: AlertQueue;
  room: Backpressure;
  holds: LongPollSlots;
  waits: LongPoll;
  metrics: ApiMetrics;
};

const FINAL: ReadonlySet<AlertStatus> = new Set(['processed', 'failed']);

/** POST /alerts, GET /alerts, GET /alerts/:uuid. */
export function alertRoutes(deps: Deps): Router {
  const router = Router();
  const route = router.route('/alerts');
  route.get(requireScope('read'), getAlerts(deps));
  route.post(requireScope('write'), readJson, postAlert(deps));
  route.all(allow('GET', 'POST'));
  router.route('/alerts/:uuid').get(requireScope('read'), getAlert(deps)).all(allow('GET'));
  return router;
}

function postAlert(deps: Deps): RequestHandler {
  return async (req, res) => {
    const alert = parse(newAlertSchema, req.body, 'The alert was refused');
    const admitted = await admitAlert(deps, req, alert);
    req.log.info({ alert: alert.uuid, result: admitted.kind }, 'alert received');
    if (admitted.kind === 'duplicate') {
      res.set('Idempotency-Replayed', 'true').json(presentAlert(admitted.alert));
      return;
    }
    // Not by json(), which hashes each body into an ETag that a POST has no use for.
    res
      .status(202)
      .set({ Location: `/alerts/${alert.uuid}`, 'Retry-After': '1' })
      .type('json')
      .end(JSON.stringify({ ...presentAlert(admitted.alert), dispatch: admitted.dispatch }));
  };
}

function getAlert(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'The path was refused');
    const found = await findAlert(deps.db, uuid);
    if (!found || !reaches(req.caller, found.store)) throw new Problem('not-found', 'No alert has this uuid.');
    // Express hashes the body into a strong ETag and turns a matching If-None-Match into 304, unless the request says
    // Cache-Control: no-cache, which fetch adds to every If-None-Match of its caller.
    delete req.headers['cache-control'];
    const seconds = preferredWait(req.get('prefer'));
    const alert = seconds === undefined ? found : await hold(deps, req, res, { found, seconds });
    if (seconds !== undefined) res.set('Preference-Applied', `wait=${seconds}`);
    if (alert.status === 'pending' || alert.status === 'processing') res.set('Retry-After', '1');
    res.set('Cache-Control', 'private, no-cache').json(presentAlert(alert));
  };
}

/**
 * Waits until the alert is another than the caller knows: by If-None-Match, else than it was found. Not where nothing
 * more is to come.
 */
async function hold(
  deps: Deps,
  req: Request,
  res: Response,
  { found, seconds }: { found: Alert; seconds: number },
): Promise<Alert> {
  const known = req.get('if-none-match') === undefined ? etagOf(req, found) : undefined;
  // Told to its store too, nothing more comes by itself; browsers add If-None-Match of their own.
  if (FINAL.has(found.status) && (known !== undefined || found.notifiedAt !== null)) return found;
  const isNews = (alert: Alert) => {
    const etag = etagOf(req, alert);
    if (known !== undefined) return etag !== known;
    res.set('ETag', etag);
    const { fresh } = req;
    res.removeHeader('ETag');
    return !fresh;
  };
  if (isNews(found)) return found;
  const signal = AbortSignal.any([deps.holds.take(req, res), AbortSignal.timeout(seconds * 1000)]);
  const alert = await deps.waits.until(found.uuid, isNews, signal);
  await checkScopeAgain(deps.auth, req, 'read');
  return alert ?? (await findAlert(deps.db, found.uuid)) ?? found;
}

/** As Express gives it to the alert's answer. */
function etagOf(req: Request, alert: Alert): string {
  return req.app.get('etag fn')(JSON.stringify(presentAlert(alert)), 'utf8');
}

function getAlerts(deps: Deps): RequestHandler {
  return async (req, res) => {
    const query = parse(alertQuerySchema, req.query, 'The query was refused');
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    const filter = {
      store: query.store,
      stores: req.caller.stores,
      status: query.status,
      failureCode: query.failure_code,
      from: query.from,
      to: query.to,
    };
    // One more than asked for tells whether a next page exists.
    const rows = await listAlerts(deps.db, filter, { limit: query.limit + 1, after });
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    const cursor = rows.length > page.length && last ? encodeCursor(last) : null;
    if (cursor !== null) {
      const next = new URLSearchParams({ ...req.query, cursor } as Record<string, string>); // parsed: strings only
      res.set('Link', `</alerts?${next}>; rel="next"`);
    }
    res.set('Cache-Control', 'private, no-cache').json({ data: page.map(presentAlert), next_cursor: cursor });
  };
}

function encodeCursor({ receivedAt, id }: AlertCursor): string {
  return Buffer.from(`${receivedAt.getTime()}.${id}`).toString('base64url');
}

function decodeCursor(cursor: string): AlertCursor {
  const match = /^(\d{1,15})\.(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (!match?.[1] || !match[2]) throw new Problem('bad-cursor', 'The cursor was not made by this server.');
  return { receivedAt: new Date(Number(match[1])), id: BigInt(match[2]) };
}
