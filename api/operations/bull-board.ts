import { type Request, type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { type AlertKey, retryFailed } from '#prisma/alerts.ts';
import { appendAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { QUEUE_NAME } from '#redis/contract.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { actorOf } from '../audit/actor.ts';
import { checkScope } from '../auth/client.ts';
import { redirectToLogin } from '../auth/login.ts';
import { Problem } from '../http/problem.ts';
import type { Queues } from './board.ts';
import { limitConcurrency, limitPageSize } from './board-limits.ts';

/** GET /queues: Bull Board on the queues that are open now. It is read-only for clients without the scope operate. */
export function queueRoutes({ db, queue, deliveryQueue }: Queues & { db: Database }): Router {
  const queues = { queue, deliveryQueue };
  // Loaded with the first request: Bull Board loads BullMQ again, as CommonJS, which is a third of what an api loads.
  let boards: Promise<{ writable: RequestHandler; readOnly: RequestHandler }> | undefined;
  const openBoards = async () => {
    const { createBoard } = await import('./board.ts');
    return { writable: createBoard(queues, false), readOnly: createBoard(queues, true) };
  };
  const router = Router();
  router.use('/queues', redirectToLogin, checkAccess, limitPageSize);
  router.use('/queues/static', (_req, res, next) => {
    res.set('Cache-Control', 'private, no-cache');
    next();
  });
  router.post('/queues/{*path}', rejectChange);
  router.patch('/queues/{*path}', rejectChange);
  router.get('/queues/api/{*path}', limitConcurrency(CONCURRENT_READS, WAITING_READS));
  const ofAlerts = `/queues/api/queues/${QUEUE_NAME}`;
  router.put(`${ofAlerts}/:uuid/retry`, retryRow(db));
  router.put(`${ofAlerts}/retry/failed`, retryRows(db, queue));
  router.use('/queues', async (req, res, next) => {
    boards ??= openBoards().catch((error: unknown) => {
      boards = undefined; // the next request tries again
      throw error;
    });
    const { writable, readOnly } = await boards;
    await (req.apiClient.scopes.has('operate') ? writable : readOnly)(req, res, next);
  });
  return router;
}

const CONCURRENT_READS = 2;
const WAITING_READS = 50;

/** Jobs are the keys of rows. One that was added or delayed on the board would delay its alert, for years if it says so. */
const rejectChange: RequestHandler = () => {
  throw new Problem('forbidden', 'Bull Board cannot add, change or delay jobs. Send or retry an alert instead.');
};

/** Reading needs the scope read, actions need operate. The key must have access to all stores, because the board shows all. */
const checkAccess: RequestHandler = ({ method, apiClient }, _res, next) => {
  if (method === 'GET' || method === 'HEAD') checkScope(apiClient, 'read', 'operate');
  else checkScope(apiClient, 'operate');
  if (apiClient.stores !== undefined) {
    throw new Problem('forbidden', `Bull Board shows all stores, but the key ${apiClient.id} is limited to some.`);
  }
  next();
};

/** Operators can add jobs with any id on the board. */
function isUuid(id: string | undefined): id is string {
  return z.uuid().safeParse(id).success;
}

// The board retries the job, which is only the key of a row. Unless the row is pending again, the job has no effect.

/** Retries failed alerts, and records that in the audit log. */
function retryAudited(db: Database, req: Pick<Request, 'apiClient' | 'ip'>, uuids: string[]): Promise<AlertKey[]> {
  return db.transaction(async (tx) => {
    const retried = await retryFailed(tx, uuids);
    const details = { on: 'Bull Board', retried: retried.length };
    const [only] = uuids.length === 1 ? retried : [];
    if (only) await appendAudit(tx, { actor: actorOf(req), action: 'alert.retried', target: only.uuid, details });
    else if (retried.length > 0) await appendAudit(tx, { actor: actorOf(req), action: 'alerts.retried', details });
    return retried;
  });
}

function retryRow(db: Database): RequestHandler<{ uuid: string }> {
  return async (req, _res, next) => {
    const { uuid } = req.params;
    if (isUuid(uuid)) {
      const retried = await retryAudited(db, req, [uuid]);
      if (retried.length > 0) req.log.info({ alert: uuid }, 'alert retried on Bull Board');
    }
    next();
  };
}

function retryRows(db: Database, queue: AlertQueue): RequestHandler {
  return async (req, _res, next) => {
    const jobs = await queue.bull().getFailed();
    const retried = await retryAudited(
      db,
      req,
      jobs.flatMap(({ id }) => (isUuid(id) ? id : [])),
    );
    req.log.info({ alerts: retried.length }, 'alerts retried on Bull Board');
    next();
  };
}
