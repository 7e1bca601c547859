import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Router } from 'express';
import type { AlertQueue } from '#redis/queue.ts';

/** GET /queues: Bull Board, on whichever queue is open now. */
export function queueRoutes(queue: AlertQueue): Router {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/queues');
  let shown = queue.bull();
  const board = createBullBoard({ queues: [new BullMQAdapter(shown)], serverAdapter });
  const router = Router();
  router.use('/queues', (_req, _res, next) => {
    const current = queue.bull();
    if (current !== shown) {
      board.replaceQueues([new BullMQAdapter(current)]);
      shown = current;
    }
    next();
  });
  router.use('/queues', serverAdapter.getRouter());
  return router;
}
