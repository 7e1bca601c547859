import { type Request, type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { requireScope } from '../auth/client.ts';
import { allow, MAX_ERRORS, Problem, problemMembers, validationProblem } from '../http/problem.ts';
import type { RateLimits } from '../http/rate-limit.ts';
import { parse, readBatch } from '../http/request-body.ts';
import { type AdmitDeps, admitAlert } from './admission.ts';
import { type BatchResult, batchSchema } from './batch-schema.ts';
import { type NewAlertBody, newAlertSchema } from './schema.ts';

type Deps = AdmitDeps & { rateLimits?: RateLimits | undefined; newAlertSchema: typeof newAlertSchema };
type BatchItem = { index: number; alert: NewAlertBody };

/** POST /alerts/batch. Each alert is accepted or rejected independently. */
export function batchRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/alerts/batch').post(requireScope('write'), readBatch, postBatch(deps)).all(allow('POST'));
  return router;
}

function postBatch(deps: Deps): RequestHandler {
  return async (req, res) => {
    const { alerts } = parse(batchSchema, req.body, 'batch');
    await deps.rateLimits?.countExtra(req, res, alerts.length - 1);
    const { valid, results } = validate(alerts, deps.newAlertSchema);
    // Waits for all alerts, even if one fails: nothing is written after the response. If the database is unavailable, the
    // whole batch fails.
    const admitted = await Promise.allSettled(
      [...Map.groupBy(valid, ({ alert }) => alert.uuid).values()].map(async (sameUuid) => {
        // One after the other: the first alert with this uuid is the one that is stored.
        for (const item of sameUuid) results.push(await admit(deps, req, item));
      }),
    );
    for (const outcome of admitted) if (outcome.status === 'rejected') throw outcome.reason;
    results.sort((a, b) => a.index - b.index);
    const invalid = results.filter(({ status }) => status >= 400 && status < 500 && status !== 409).length;
    deps.metrics.received.inc({ result: 'rejected' }, invalid);
    const accepted = results.filter(({ status }) => status === 202).length;
    req.log.info({ alerts: results.length, accepted }, 'batch received');
    throwIfAllRejected(results);
    res.json({ results });
  };
}

/** So that a client that looks at the status only does not take a rejected batch for an accepted one. */
function throwIfAllRejected(results: BatchResult[]): void {
  if (results.some(({ status }) => status < 400)) return;
  const extra = { results };
  const canSucceedLater = results.some(({ status }) => status === 503);
  throw canSucceedLater
    ? new Problem('queue-full', 'Too many alerts are waiting.', { extra, headers: { 'Retry-After': '10' } })
    : new Problem('batch-rejected', 'No alert of the batch was accepted.', { extra });
}

/** Returns the valid alerts, and the results of the invalid ones, which together list at most MAX_ERRORS errors. */
function validate(alerts: unknown[], schema: Deps['newAlertSchema']): { valid: BatchItem[]; results: BatchResult[] } {
  const valid: BatchItem[] = [];
  const results: BatchResult[] = [];
  let left = MAX_ERRORS;
  for (const [index, body] of alerts.entries()) {
    const parsed = schema.safeParse(body);
    if (parsed.success) {
      valid.push({ index, alert: parsed.data });
      continue;
    }
    const problem = validationProblem(parsed.error, 'alert', left);
    left -= problem.errors.length;
    results.push(rejected({ index, ...readableUuid(body) }, problem));
  }
  return { valid, results };
}

/** Returns the uuid of an invalid alert, if that much of it is valid. */
function readableUuid(body: unknown): { uuid?: string } {
  return z.object({ uuid: newAlertSchema.shape.uuid }).safeParse(body).data ?? {};
}

async function admit(deps: Deps, req: Request, { index, alert }: BatchItem): Promise<BatchResult> {
  const item = { index, uuid: alert.uuid };
  try {
    const admitted = await admitAlert(deps, req, alert);
    return admitted.kind === 'created'
      ? { ...item, status: 202, dispatch: admitted.dispatch }
      : { ...item, status: 200, state: admitted.alert.status };
  } catch (error) {
    if (error instanceof Problem) return rejected(item, error);
    throw error;
  }
}

function rejected(item: { index: number; uuid?: string }, problem: Problem): BatchResult {
  const members = problemMembers(problem);
  return { ...item, status: members.status, problem: members };
}
