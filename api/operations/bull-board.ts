import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { type Express, type RequestHandler, Router } from 'express';
import { retryFailed } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { alertPathSchema } from '../alerts/schema.ts';
import { checkScope } from '../auth/caller.ts';
import { askToLogIn } from '../auth/login.ts';
import { Problem } from '../http/problem.ts';

/** GET /queues: Bull Board, on whichever queue is open now; with actions for who may operate, else without. */
export function queueRoutes({ db, queue }: { db: Database; queue: AlertQueue }): Router {
  const [operating, reading] = [createBoard(queue, false), createBoard(queue, true)];
  const router = Router();
  router.use('/queues', askToLogIn, boardScope);
  router.put('/queues/api/queues/:queue/:uuid/retry', retryRow(db));
  router.put('/queues/api/queues/:queue/retry/failed', retryRows(db, queue));
  router.use('/queues', (req, res, next) => (req.caller.scopes.has('operate') ? operating : reading)(req, res, next));
  return router;
}

// The page asks for it from another host; the system's own fonts do as well.
const FONT_LINK = /<link [^>]*fonts\.googleapis\.com[^>]*>/;

function createBoard(queue: AlertQueue, readOnlyMode: boolean): RequestHandler {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/queues');
  let shown = queue.bull();
  // `readOnlyMode` is refused by the library; hidden buttons alone would not be.
  const board = createBullBoard({ queues: [new BullMQAdapter(shown, { readOnlyMode })], serverAdapter });
  const app: Express = serverAdapter.getRouter();
  app.disable('x-powered-by');
  return (req, res, next) => {
    const current = queue.bull();
    if (current !== shown) {
      board.replaceQueues([new BullMQAdapter(current, { readOnlyMode })]);
      shown = current;
    }
    res.render = (view: string, values?: unknown) => {
      app.render(view, Object(values), (error: Error | null, page: string) =>
        error ? next(error) : res.set('Cache-Control', 'private, no-cache').send(page.replace(FONT_LINK, '')),
      );
    };
    app(req, res, next);
  };
}

/** Looking needs `read`, anything else `operate`; and a key of all stores, as the board shows them all. */
const boardScope: RequestHandler = (req, _res, next) => {
  if (req.method === 'GET' || req.method === 'HEAD') checkScope(req.caller, 'read', 'operate');
  else checkScope(req.caller, 'operate');
  if (req.caller.stores !== undefined) {
    throw new Problem('forbidden', `The board shows all stores, the key ${req.caller.id} reaches only some.`);
  }
  next();
};

/** Who adds a job on the board may give it any id. */
function isUuid(id: string | undefined): id is string {
  return alertPathSchema.safeParse({ uuid: id }).success;
}

// The board retries jobs, and a job is only a key: without its row pending again it would find nothing to do.

function retryRow(db: Database): RequestHandler<{ uuid: string }> {
  return async (req, _res, next) => {
    const { uuid } = req.params;
    if (isUuid(uuid)) {
      const retried = await retryFailed(db, [uuid]);
      if (retried.length > 0) req.log.info({ alert: uuid }, 'alert retried on the board');
    }
    next();
  };
}

function retryRows(db: Database, queue: AlertQueue): RequestHandler {
  return async (req, _res, next) => {
    const jobs = await queue.bull().getFailed();
    const retried = await retryFailed(
      db,
      jobs.flatMap(({ id }) => (isUuid(id) ? id : [])),
    );
    req.log.info({ alerts: retried.length }, 'alerts retried on the board');
    next();
  };
}
