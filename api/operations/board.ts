import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Express, RequestHandler } from 'express';
import type { DeliveryQueue } from '#redis/delivery-queue.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { MAX_PAGE } from './board-limits.ts';

export type Queues = { queue: AlertQueue; deliveryQueue: DeliveryQueue };

/** Never reads more than a page, whatever the library makes of a request. */
class BoundedAdapter extends BullMQAdapter {
  override getJobs(...[statuses, start = 0, end = start + MAX_PAGE - 1]: Parameters<BullMQAdapter['getJobs']>) {
    return super.getJobs(statuses, start, end < 0 ? start + MAX_PAGE - 1 : Math.min(end, start + MAX_PAGE - 1));
  }
}

// Loads a font from another host. The system's fonts are good enough.
const FONT_LINK = /<link [^>]*fonts\.googleapis\.com[^>]*>/;

/** Returns Bull Board on the queues that are open now. */
export function createBoard({ queue, deliveryQueue }: Queues, readOnlyMode: boolean): RequestHandler {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/queues');
  let current = [queue.bull(), deliveryQueue.bull()] as const;
  const adapters = () => [
    new BoundedAdapter(current[0], { readOnlyMode }),
    // Its jobs are only triggers: the deliveries are rows.
    new BoundedAdapter(current[1], { readOnlyMode: true }),
  ];
  // With `readOnlyMode` the library rejects actions; it does not only hide their buttons.
  const board = createBullBoard({ queues: adapters(), serverAdapter });
  const app: Express = serverAdapter.getRouter();
  app.disable('x-powered-by');
  return (req, res, next) => {
    const opened = [queue.bull(), deliveryQueue.bull()] as const;
    if (opened.some((each, index) => each !== current[index])) {
      current = opened;
      board.replaceQueues(adapters());
    }
    res.render = (view: string, values?: unknown) => {
      app.render(view, Object(values), (error: Error | null, page: string) =>
        error ? next(error) : res.set('Cache-Control', 'private, no-cache').send(page.replace(FONT_LINK, '')),
      );
    };
    app(req, res, next);
  };
}
