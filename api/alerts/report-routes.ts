import { type RequestHandler, Router } from 'express';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { StaleReads } from '#prisma/replica.ts';
import { listRounds } from '#prisma/rounds.ts';
import { listTriageEvents } from '#prisma/triage.ts';
import { canAccessStore, requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { alertPathSchema } from './schema.ts';
import { createStatistics, statisticsQuerySchema } from './statistics.ts';
import { type StoreNames, storeQuerySchema } from './store-names.ts';
import { timelineOf } from './timeline.ts';
import type { SourceOf } from './waiting.ts';

type Deps = { db: Database; staleReads: StaleReads; storeNames: StoreNames; sourceOf: SourceOf };

/** GET /alerts/statistics, GET /alerts/stores and GET /alerts/:uuid/timeline, made for the operator's page. */
export function reportRoutes({ db, staleReads, storeNames, sourceOf }: Deps): Router {
  const router = Router();
  router.route('/alerts/statistics').get(requireScope('read'), getStatistics(staleReads, sourceOf)).all(allow('GET'));
  router.route('/alerts/stores').get(requireScope('read'), getStores(storeNames)).all(allow('GET'));
  router.route('/alerts/:uuid/timeline').get(requireScope('read'), getTimeline(db)).all(allow('GET'));
  return router;
}

function getStatistics(staleReads: StaleReads, sourceOf: SourceOf): RequestHandler {
  const readStatistics = createStatistics(staleReads, sourceOf);
  return async (req, res) => {
    const { store, from, to } = parse(statisticsQuerySchema, req.query, 'query');
    const statistics = await readStatistics({ store, stores: req.apiClient.stores, from, to });
    res.set('Cache-Control', 'private, no-cache').json(statistics);
  };
}

function getStores(storeNames: StoreNames): RequestHandler {
  return async (req, res) => {
    const { q = '', limit } = parse(storeQuerySchema, req.query, 'query');
    const names = await storeNames.containing(q, req.apiClient.stores);
    const similar = names.length > 0 ? [] : await storeNames.similarTo(q, req.apiClient.stores);
    res.set('Cache-Control', 'private, no-cache').json({ data: names.slice(0, limit), total: names.length, similar });
  };
}

function getTimeline(db: Database): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const alert = await findAlert(db, uuid);
    if (!alert || !canAccessStore(req.apiClient, alert.store))
      throw new Problem('not-found', 'No alert has this uuid.');
    const [rounds, triage] = await Promise.all([
      listRounds(db, alert.id),
      listTriageEvents(db, uuid, alert.receivedAt),
    ]);
    res.set('Cache-Control', 'private, no-cache').json(timelineOf(alert, new Date(), rounds, triage));
  };
}
