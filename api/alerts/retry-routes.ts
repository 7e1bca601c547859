import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type Alert, findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { presentAlert } from '#prisma/present-alert.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';
import { withRelated } from '#prisma/related-reads.ts';
import { findRetry, saveRetryResponse } from '#prisma/retry-keys.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { actorOf } from '../audit/actor.ts';
import { canAccessStore, requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import type { Backpressure } from './backpressure.ts';
import { etagOf, ifMatchIncludes } from './etag.ts';
import type { ResponseCache } from './response-cache.ts';
import { retryAlert, retryAlerts } from './retry.ts';
import { bulkRetrySchema, retryHeaderSchema } from './retry-schema.ts';
import { alertPathSchema } from './schema.ts';

type Deps = { db: Database; queue: AlertQueue; backpressure: Backpressure; responses: ResponseCache };

/** POST /alerts/:uuid/retry and POST /alerts/retry. */
export function retryRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/alerts/retry').post(requireScope('operate'), readJson, postBulkRetry(deps)).all(allow('POST'));
  router.route('/alerts/:uuid/retry').post(requireScope('operate'), postRetry(deps)).all(allow('POST'));
  return router;
}

function postRetry(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const ifMatch = req.get('if-match');
    const headers = { 'Idempotency-Key': req.get('idempotency-key'), 'If-Match': ifMatch };
    const { 'Idempotency-Key': retryKey } = parse(retryHeaderSchema, headers, 'header');
    const before = await findAlert(deps.db, uuid);
    if (!before || !canAccessStore(req.apiClient, before.store))
      throw new Problem('not-found', 'No alert has this uuid.');
    // Before If-Match: a client that sends a request again sends its ETag again, too.
    if (await replayRetry(deps, res, before, retryKey)) return;
    const known = await withRelated(deps.db, before);
    if (isOutdated(req, known)) throw outdated(req, known);
    const claims = ifMatch === undefined || ifMatch.trim() === '*' ? undefined : before.claims;
    const dispatch = await retryAlert({ ...deps, log: req.log, actor: actorOf(req) }, uuid, { claims, retryKey });
    deps.responses.drop(uuid);
    // Another request can have used the key since.
    if (!dispatch && (await replayRetry(deps, res, before, retryKey))) return;
    const alert = await withRelated(deps.db, (await findAlert(deps.db, uuid)) ?? before);
    if (!dispatch) throw isOutdated(req, alert) ? outdated(req, alert) : notRetryable(alert);
    const body = JSON.stringify({ ...presentAlert(alert), dispatch });
    if (retryKey !== undefined) await saveRetryResponse(deps.db, alert.id, retryKey, body);
    sendRetried(res, uuid, body);
  };
}

/** Sends the response to the earlier retry with this key. Returns false, and sends nothing, if there is none. */
async function replayRetry({ db }: Deps, res: Response, alert: Alert, retryKey: string | undefined): Promise<boolean> {
  const retry = retryKey === undefined ? undefined : await findRetry(db, alert.id, retryKey);
  if (!retry) return false;
  const { response } = retry;
  res.set('Idempotency-Replayed', 'true');
  // Without a saved response, the earlier request is still running, or has ended before its job was enqueued.
  const current = async () => ({
    ...presentAlert(await withRelated(db, (await findAlert(db, alert.uuid)) ?? alert)),
    dispatch: 'deferred',
  });
  sendRetried(res, alert.uuid, response ?? JSON.stringify(await current()));
  return true;
}

/** Not by json(), which hashes the body into an ETag. It would not be the one of GET /alerts/:uuid. */
function sendRetried(res: Response, uuid: string, body: string): void {
  res
    .status(202)
    .set({ Location: `/alerts/${uuid}`, 'Retry-After': '1' })
    .type('json')
    .end(body);
}

/** Returns whether the state of If-Match is another one than the alert's. */
function isOutdated(req: Request, alert: RelatedAlert): boolean {
  const ifMatch = req.get('if-match');
  return ifMatch !== undefined && !ifMatchIncludes(ifMatch, etagOf(req, alert));
}

function notRetryable({ status, archived }: RelatedAlert): Problem {
  if (archived) return new Problem('alert-archived', 'The alert was restored from the archive: it is never retried.');
  return new Problem('not-retryable', `The alert is ${status}, not failed.`, { extra: { status_now: status } });
}

function outdated(req: Request, alert: RelatedAlert): Problem {
  const detail = 'The alert has changed since the state of If-Match.';
  return new Problem('precondition-failed', detail, { headers: { ETag: etagOf(req, alert) } });
}

function postBulkRetry(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { filter, max, rate_per_s, dry_run } = parse(bulkRetrySchema, req.body, 'retry request');
    const retry = await retryAlerts(
      { ...deps, log: req.log, actor: actorOf(req) },
      {
        store: filter.store,
        stores: req.apiClient.stores,
        failureCode: filter.failure_code,
        from: filter.from,
        to: filter.to,
      },
      { max, perSecond: rate_per_s, dryRun: dry_run },
    );
    for (const uuid of retry.uuids) deps.responses.drop(uuid);
    res.status(dry_run ? 200 : 202).json({
      dry_run,
      matched: retry.matched,
      selected: retry.uuids.length,
      retried: retry.retried,
      dispatch: retry.dispatch,
      sample: retry.uuids.slice(0, 10),
    });
  };
}
