import { type RequestHandler, Router } from 'express';
import { type AlertCursor, findAlert, listAlerts } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { acceptAlert } from '../accept-alert.ts';
import { alertPathSchema, alertQuerySchema, newAlertSchema, presentAlert } from '../alert-schema.ts';
import { reaches, requireScope } from '../caller.ts';
import { allow, Problem } from '../problem.ts';
import { parse, readJson } from '../request-body.ts';

type Deps = { db: Database; queue: AlertQueue };

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
    if (!reaches(req.caller, alert.store)) {
      throw new Problem('forbidden', `The key ${req.caller.id} may not post alerts of this store.`);
    }
    const accepted = await acceptAlert({ ...deps, log: req.log }, { ...alert, requestId: req.id });
    const self = `/alerts/${alert.uuid}`;
    req.log.info({ alert: alert.uuid, result: accepted.kind }, 'alert received');
    switch (accepted.kind) {
      case 'created':
        res
          .status(202)
          .set({ Location: self, 'Retry-After': '1' })
          .json({ ...presentAlert(accepted.alert), dispatch: accepted.dispatch });
        return;
      case 'duplicate':
        res.set('Idempotency-Replayed', 'true').json(presentAlert(accepted.alert));
        return;
      case 'conflict':
        throw new Problem('alert-conflict', `An alert with this uuid has another ${accepted.fields.join(', ')}.`, {
          extra: { fields: accepted.fields, existing: self },
        });
    }
  };
}

function getAlert(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'The path was refused');
    const alert = await findAlert(deps.db, uuid);
    if (!alert || !reaches(req.caller, alert.store)) throw new Problem('not-found', 'No alert has this uuid.');
    if (alert.status === 'pending' || alert.status === 'processing') res.set('Retry-After', '1');
    // Express hashes the body into a strong ETag and turns a matching If-None-Match into 304, unless the request says
    // Cache-Control: no-cache, which fetch adds to every If-None-Match of its caller.
    delete req.headers['cache-control'];
    res.set('Cache-Control', 'private, no-cache').json(presentAlert(alert));
  };
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
      from: query.from === undefined ? undefined : new Date(query.from),
      to: query.to === undefined ? undefined : new Date(query.to),
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
