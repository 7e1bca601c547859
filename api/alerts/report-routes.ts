import { type RequestHandler, Router } from 'express';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { reaches, requireScope } from '../auth/caller.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { alertPathSchema } from './schema.ts';
import { createStatistics, statisticsQuerySchema } from './statistics.ts';
import { timelineOf } from './timeline.ts';

/** What the operator's page asks beside the alerts: GET /alerts/statistics, GET /alerts/:uuid/timeline. */
export function reportRoutes({ db }: { db: Database }): Router {
  const router = Router();
  router.route('/alerts/statistics').get(requireScope('read'), getStatistics(db)).all(allow('GET'));
  router.route('/alerts/:uuid/timeline').get(requireScope('read'), getTimeline(db)).all(allow('GET'));
  return router;
}

function getStatistics(db: Database): RequestHandler {
  const statistics = createStatistics(db);
  return async (req, res) => {
    const { store, from, to } = parse(statisticsQuerySchema, req.query, 'The query was refused');
    const answer = await statistics({ store, stores: req.caller.stores, from, to });
    res.set('Cache-Control', 'private, no-cache').json(answer);
  };
}

function getTimeline(db: Database): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'The path was refused');
    const alert = await findAlert(db, uuid);
    if (!alert || !reaches(req.caller, alert.store)) throw new Problem('not-found', 'No alert has this uuid.');
    res.set('Cache-Control', 'private, no-cache').json(timelineOf(alert, new Date()));
  };
}
