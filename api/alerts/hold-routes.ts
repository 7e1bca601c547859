import { type RequestHandler, Router } from 'express';
import type { MediaStore } from '#media/store.ts';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { type Deletion, removeUnusedFiles } from '#prisma/delete-alerts.ts';
import { deleteAudited, placeHold, releaseHold } from '#prisma/holds.ts';
import { presentAlert } from '#prisma/present-alert.ts';
import { withRelated } from '#prisma/related-reads.ts';
import { requesterOf } from '../audit/actor.ts';
import { requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { newHoldSchema } from './hold-schema.ts';
import type { ResponseCache } from './response-cache.ts';
import { alertPathSchema } from './schema.ts';

type Deps = { db: Database; responses: ResponseCache; media: { store: MediaStore | undefined } };

/** PUT and DELETE /alerts/:uuid/hold. */
export function holdRoutes(deps: Deps): Router {
  const router = Router();
  const route = router.route('/alerts/:uuid/hold');
  route.put(requireScope('manage'), readJson, putHold(deps));
  route.delete(requireScope('manage'), deleteHold(deps));
  route.all(allow('PUT', 'DELETE'));
  return router;
}

function putHold({ db, responses }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const { reason } = parse(newHoldSchema, req.body, 'hold');
    const result = await placeHold(db, uuid, reason, requesterOf(req));
    responses.drop(uuid);
    const alert = result === 'unknown' ? null : await findAlert(db, uuid);
    if (!alert) throw unknownAlert();
    if (result !== 'unchanged') req.log.info({ alert: uuid }, `hold ${result}`);
    res.set('Cache-Control', 'private, no-cache').json(presentAlert(await withRelated(db, alert)));
  };
}

function deleteHold({ db, responses }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    if (!(await releaseHold(db, uuid, requesterOf(req)))) {
      throw new Problem('not-found', 'No alert that is held has this uuid.');
    }
    responses.drop(uuid);
    req.log.info({ alert: uuid }, 'hold released');
    res.status(204).end();
  };
}

/** The handler of DELETE /alerts/:uuid. */
export function deleteOneAlert({ db, responses, media }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const deletion = await deleteAudited(db, uuid, requesterOf(req));
    responses.drop(uuid);
    if (deletion.kind !== 'deleted') throw notDeleted(deletion.kind);
    req.log.info({ alert: uuid }, 'alert deleted');
    const { store } = media;
    // The rows are deleted. Files that remain now are removed by the hourly check of the worker.
    if (store) {
      await removeUnusedFiles(db, store, deletion.files).catch((err) => req.log.warn({ err }, 'files not removed yet'));
    }
    res.status(204).end();
  };
}

function unknownAlert(): Problem {
  return new Problem('not-found', 'No alert has this uuid.');
}

function notDeleted(reason: Exclude<Deletion['kind'], 'deleted'>): Problem {
  if (reason === 'held') return new Problem('alert-held', 'The alert is under a legal hold.');
  if (reason === 'unknown') return unknownAlert();
  const headers = { 'Retry-After': '5' };
  return new Problem('alert-processing', 'A worker is processing the alert.', { headers });
}
