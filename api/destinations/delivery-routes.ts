import { type Request, type RequestHandler, Router } from 'express';
import { appendAudit } from '#prisma/audit.ts';
import {
  type DeliveryRow,
  findDelivery,
  listDeliveries,
  retryDeliveries,
  retryDelivery,
} from '#prisma/delivery-listing.ts';
import { actorOf } from '../audit/actor.ts';
import { requireManage, requireScope } from '../auth/client.ts';
import { decodeTimeCursor, encodeTimeCursor, linkNextPage } from '../http/next-page.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { deliveryPathSchema, deliveryQuerySchema, deliveryRetrySchema } from './delivery-schema.ts';
import { presentDelivery } from './present.ts';
import type { DestinationDeps } from './routes.ts';

type Deps = Pick<DestinationDeps, 'db' | 'backlogRate' | 'triggerDelivery'>;

/** GET /deliveries, POST /deliveries/retry, GET /deliveries/:id and POST /deliveries/:id/retry. */
export function deliveryRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/deliveries').get(requireScope('read'), getDeliveries(deps)).all(allow('GET'));
  router.route('/deliveries/retry').post(requireManage, readJson, postBulkRetry(deps)).all(allow('POST'));
  router.route('/deliveries/:id').get(requireScope('read'), getDelivery(deps)).all(allow('GET'));
  router.route('/deliveries/:id/retry').post(requireManage, postRetry(deps)).all(allow('POST'));
  return router;
}

function getDeliveries({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { limit, cursor, ...filter } = parse(deliveryQuerySchema, req.query, 'query');
    const after = cursor === undefined ? undefined : decodeTimeCursor(cursor);
    // One more than requested shows whether there is a next page.
    const rows = await listDeliveries(
      db,
      { ...filter, stores: req.apiClient.stores },
      { limit: limit + 1, ...(after && { after }) },
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = rows.length > page.length && last ? encodeTimeCursor(last) : null;
    linkNextPage(req, res, nextCursor);
    res.set('Cache-Control', 'private, no-cache').json({ data: page.map(presentDelivery), next_cursor: nextCursor });
  };
}

function getDelivery({ db }: Deps): RequestHandler {
  return async (req, res) => {
    res.set('Cache-Control', 'private, no-cache').json(presentDelivery(await accessible(req, db)));
  };
}

function postRetry({ db, triggerDelivery }: Deps): RequestHandler {
  return async (req, res) => {
    const delivery = await accessible(req, db);
    const { id } = delivery;
    const retried = await db.transaction(async (tx) => {
      const changed = await retryDelivery(tx, id);
      if (changed) await appendAudit(tx, { actor: actorOf(req), action: 'delivery.retried', target: id });
      return changed;
    });
    if (!retried) throw notFailed((await findDelivery(db, id)) ?? delivery);
    req.log.info({ delivery: id }, 'delivery retried');
    await triggerDelivery({ destination: delivery.destination.id });
    res
      .status(202)
      .set('Location', `/deliveries/${id}`)
      .json(presentDelivery((await findDelivery(db, id)) ?? delivery));
  };
}

function notFailed({ status }: DeliveryRow): Problem {
  return new Problem('delivery-not-failed', `The delivery is ${status}, not failed.`, {
    extra: { status_now: status },
  });
}

function postBulkRetry({ db, backlogRate, triggerDelivery }: Deps): RequestHandler {
  return async (req, res) => {
    const body = parse(deliveryRetrySchema, req.body, 'retry request');
    const { max, rate_per_s: ratePerS = backlogRate, dry_run: dryRun, destination, alert, from, to } = body;
    const filter = { destination, alert, from, to, failureCode: body.failure_code };
    const stores = body.store === undefined ? undefined : [body.store];
    const { matched, retried } = await db.transaction(async (tx) => {
      const result = await retryDeliveries(tx, { ...filter, stores }, { max, ratePerS, dryRun });
      if (!dryRun) {
        // As it was sent: without undefined fields, and with times as texts.
        const details = { request: req.body, ...result };
        await appendAudit(tx, { actor: actorOf(req), action: 'deliveries.retried', target: destination, details });
      }
      return result;
    });
    if (!dryRun) req.log.info({ deliveries: retried }, 'deliveries retried');
    // Without a destination, workers find the deliveries by themselves.
    if (!dryRun && destination !== undefined) await triggerDelivery({ destination });
    res
      .status(dryRun ? 200 : 202)
      .json({ dry_run: dryRun, matched, selected: Math.min(matched, max), retried: dryRun ? 0 : retried });
  };
}

/** Returns the delivery of the path. Throws a Problem if there is none, or if the client has no access to its store. */
async function accessible(req: Request, db: Deps['db']): Promise<DeliveryRow> {
  const { id } = parse(deliveryPathSchema, req.params, 'path');
  const delivery = await findDelivery(db, id);
  const { stores } = req.apiClient;
  if (!delivery || (stores && (delivery.store === null || !stores.includes(delivery.store)))) {
    throw new Problem('not-found', 'No delivery has this id.');
  }
  return delivery;
}
