import { type Request, type RequestHandler, Router } from 'express';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { requireScope } from '../auth/caller.ts';
import { allow, Problem, problemMembers, validationProblem } from '../http/problem.ts';
import type { RateLimits } from '../http/rate-limit.ts';
import { parse, readBatch } from '../http/request-body.ts';
import type { ApiMetrics } from '../operations/metrics.ts';
import { admitAlert } from './admission.ts';
import type { Backpressure } from './backpressure.ts';
import { type BatchResult, batchSchema } from './batch-schema.ts';
import { type NewAlertBody, newAlertSchema } from './schema.ts';

type Deps = {
  db: Database;
  queue: AlertQueue;
  room: Backpressure;
  metrics: ApiMetrics;
  limits?: RateLimits | undefined;
};

/** POST /alerts/batch: each alert judged by itself. */
export function batchRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/alerts/batch').post(requireScope('write'), readBatch, postBatch(deps)).all(allow('POST'));
  return router;
}

function postBatch(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { alerts } = parse(batchSchema, req.body, 'The batch was refused');
    await deps.limits?.countMore(req, res, alerts.length - 1);
    const results: BatchResult[] = [];
    const byUuid = new Map<string, { index: number; alert: NewAlertBody }[]>();
    for (const [index, body] of alerts.entries()) {
      const parsed = newAlertSchema.safeParse(body);
      if (!parsed.success) {
        results.push(refused({ index }, validationProblem(parsed.error, 'The alert was refused')));
        continue;
      }
      const same = byUuid.get(parsed.data.uuid);
      if (same) same.push({ index, alert: parsed.data });
      else byUuid.set(parsed.data.uuid, [{ index, alert: parsed.data }]);
    }
    // All of them end before the answer: nothing is written behind it, and a database that is away fails the whole.
    const admitted = await Promise.allSettled(
      [...byUuid.values()].map(async (same) => {
        // One after another: the first in the batch is the one that counts.
        for (const { index, alert } of same) results.push(await admit(deps, req, index, alert));
      }),
    );
    for (const outcome of admitted) if (outcome.status === 'rejected') throw outcome.reason;
    results.sort((a, b) => a.index - b.index);
    const atFault = results.filter(({ status }) => status >= 400 && status < 500 && status !== 409).length;
    deps.metrics.received.inc({ result: 'refused' }, atFault);
    const accepted = results.filter(({ status }) => status === 202).length;
    req.log.info({ alerts: results.length, accepted }, 'batch received');
    res.json({ results });
  };
}

async function admit(deps: Deps, req: Request, index: number, alert: NewAlertBody): Promise<BatchResult> {
  const item = { index, uuid: alert.uuid };
  try {
    const admitted = await admitAlert(deps, req, alert);
    return admitted.kind === 'created'
      ? { ...item, status: 202, dispatch: admitted.dispatch }
      : { ...item, status: 200, state: admitted.alert.status };
  } catch (error) {
    if (error instanceof Problem) return refused(item, error);
    throw error;
  }
}

function refused(item: { index: number; uuid?: string }, problem: Problem): BatchResult {
  const members = problemMembers(problem);
  return { ...item, status: members.status, problem: members };
}
