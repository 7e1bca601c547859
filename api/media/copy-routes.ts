import { type Request, type RequestHandler, type Response, Router } from 'express';
import { isPlayable } from '#media/playable.ts';
import { COPY_REASONS } from '#media/reasons.ts';
import { type Alert, findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { type Copy, findCopy, requestCopy, touchCopy } from '#prisma/copies.ts';
import { alertPathSchema } from '../alerts/schema.ts';
import { canAccessStore, requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { type CopyJson, copyQuerySchema } from './copy-schema.ts';
import { notAvailable } from './not-available.ts';
import { type MediaFiles, PRIVATE, serveFile } from './serve-file.ts';

type Deps = { db: Database; media: MediaFiles };

/** POST and GET /alerts/:uuid/copy. GET with `Accept: application/json` returns the state, also of a copy that does not exist. */
export function copyRoutes(deps: Deps): Router {
  const router = Router();
  const route = router.route('/alerts/:uuid/copy');
  route.get(requireScope('read'), getCopy(deps));
  route.post(requireScope('operate'), postCopy(deps));
  route.all(allow('GET', 'POST'));
  return router;
}

function postCopy({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const alert = await findForClient(db, req);
    const { force } = parse(copyQuerySchema, req.query, 'query');
    if (alert.status !== 'processed') {
      const detail = `The alert is ${alert.status}; copies are of videos whose resolution was read.`;
      throw new Problem('copy-not-possible', detail, { extra: { status_now: alert.status } });
    }
    if (!force && isPlayable(alert) && (await findCopy(db, alert.id)) === null) throw notNeeded(alert);
    const copy = await requestCopy(db, alert.id);
    req.log.info({ alert: alert.uuid, status: copy.status }, 'copy requested');
    sendState(res, alert, copy);
  };
}

function getCopy({ db, media: files }: Deps): RequestHandler {
  return async (req, res) => {
    res.vary('Accept');
    const alert = await findForClient(db, req);
    const copy = await findCopy(db, alert.id);
    if (req.accepts(['video/mp4', 'json']) === 'json') return sendState(res, alert, copy);
    if (copy?.status === 'pending') return sendState(res, alert, copy);
    if (copy?.status !== 'ready' || copy.sha256 === null || copy.bytes === null) throw unavailable(alert, copy);
    const sha256 = Buffer.from(copy.sha256).toString('hex');
    // nginx would only respond with 404.
    if (files.accel !== undefined && (await isLost(files, sha256))) {
      req.log.warn({ alert: alert.uuid, sha256 }, 'the file of a copy is missing: it is made again');
      return sendState(res, alert, await requestCopy(db, alert.id, { lost: true }));
    }
    await serve(req, res, { db, files, alert, copy, sha256 });
  };
}

type Served = { db: Database; files: MediaFiles; alert: Alert; copy: Copy; sha256: string };

async function serve(req: Request, res: Response, { db, files, alert, copy, sha256 }: Served): Promise<void> {
  const file = { of: 'copy' as const, uuid: alert.uuid, sha256, bytes: Number(copy.bytes), cacheControl: PRIVATE };
  try {
    await serveFile(req, res, files, file);
  } catch (error) {
    if (!(error instanceof Problem) || error.problem !== 'copy-not-available') throw error;
    return sendState(res, alert, await requestCopy(db, alert.id, { lost: true }));
  }
  await touchCopy(db, alert.id);
}

/** A folder answers that without a request. */
async function isLost({ store }: MediaFiles, sha256: string): Promise<boolean> {
  return store !== undefined && (await store.size('copy', sha256)) === undefined;
}

/** Returns the alert in the path. Throws a Problem if there is none for this client. */
async function findForClient(db: Database, req: Request): Promise<Alert> {
  const { uuid } = parse(alertPathSchema, req.params, 'path');
  const alert = await findAlert(db, uuid);
  if (!alert || !canAccessStore(req.apiClient, alert.store)) throw new Problem('not-found', 'No alert has this uuid.');
  return alert;
}

/** Not by json(), which hashes the body into an ETag: the progress would be that of a cache. */
function sendState(res: Response, alert: Alert, copy: Copy | null): void {
  const location = `/alerts/${alert.uuid}/copy`;
  const isPending = copy?.status === 'pending';
  res
    .status(isPending ? 202 : 200)
    .set({ 'Cache-Control': 'no-store', ...(isPending && { 'Retry-After': '1' }) })
    .set(isPending || res.req.method === 'POST' ? { Location: location } : {})
    .type('json')
    .end(JSON.stringify(copy === null ? NOT_REQUESTED : presentCopy(copy)));
}

const NOT_REQUESTED: CopyJson = {
  ...{ status: 'none', archive: false, progress: 0, width: null, height: null, bytes: null },
  ...{ reason: 'disabled', detail: COPY_REASONS.disabled, requested_at: null, finished_at: null },
};

function presentCopy(copy: Copy): CopyJson {
  const { status, archive, progress, width, height, bytes, reason, detail, requestedAt, finishedAt } = copy;
  return {
    ...{ status, archive, progress: Math.round(progress * 1_000) / 1_000 },
    ...(status === 'ready' ? { width, height, bytes: Number(bytes) } : { width: null, height: null, bytes: null }),
    ...{ reason, detail },
    requested_at: requestedAt.toISOString(),
    finished_at: finishedAt?.toISOString() ?? null,
  };
}

function notNeeded({ container, codec, video, source }: Alert): Problem {
  const detail = `Browsers play the original, ${codec} in ${container}. With ?force=true, a copy is made nevertheless.`;
  return new Problem('copy-not-needed', detail, { extra: { video, source } });
}

function unavailable(alert: Alert, copy: Copy | null): Problem {
  const { status = null, reason = null, detail = null } = copy ?? {};
  return notAvailable('copy', {
    ...{ alertId: alert.id, uuid: alert.uuid, store: alert.store, alertStatus: alert.status },
    ...{ version: 0, status, reason, detail, sha256: null, bytes: null },
  });
}
