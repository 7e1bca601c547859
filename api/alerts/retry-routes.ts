import { type RequestHandler, Router } from 'express';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { canAccessStore, requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import type { Backpressure } from './backpressure.ts';
import { retryAlert, retryAlerts } from './retry.ts';
import { bulkRetrySchema } from './retry-schema.ts';
import { alertPathSchema, presentAlert } from './schema.ts';

type Deps = { db: Database; queue: AlertQueue; backpressure: Backpressure };

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
    const before = await findAlert(deps.db, uuid);
    if (!before || !canAccessStore(req.apiClient, before.store))
      throw new Problem('not-found', 'No alert has this uuid.');
    const dispatch = await retryAlert({ ...deps, log: req.log }, uuid);
    const alert = (await findAlert(deps.db, uuid)) ?? before;
    if (!dispatch) {
      const extra = { status_now: alert.status };
      throw new Problem('not-retryable', `The alert is ${alert.status}, not failed.`, { extra });
    }
    res
      .status(202)
      .set({ Location: `/alerts/${uuid}`, 'Retry-After': '1' })
      .json({ ...presentAlert(alert), dispatch });
  };
}

function postBulkRetry(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { filter, max, rate_per_s, dry_run } = parse(bulkRetrySchema, req.body, 'retry request');
    const retry = await retryAlerts(
      { ...deps, log: req.log },
      {
        store: filter.store,
        stores: req.apiClient.stores,
        failureCode: filter.failure_code,
        from: filter.from,
        to: filter.to,
      },
      { max, perSecond: rate_per_s, dryRun: dry_run },
    );
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
