import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { appendAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { exportAlerts } from '#prisma/exports.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';
import type { StaleReads } from '#prisma/replica.ts';
import { filterOf } from '../alerts/list-filter.ts';
import { actorOf } from '../audit/actor.ts';
import { requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { BYTE_ORDER_MARK, csvHeader, csvRows } from './csv.ts';
import { exportQuerySchema } from './schema.ts';

type Deps = { db: Database; staleReads: StaleReads };

/** Exports at the same time. Each uses one connection of the pool, which has 10, and 0.03 ms of the event loop per row. */
export const MAX_EXPORTS = 3;

type Pages = AsyncGenerator<RelatedAlert[]>;

/** GET /alerts/export. */
export function exportRoutes({ db, staleReads }: Deps): Router {
  const router = Router();
  router.route('/alerts/export').get(requireScope('read'), getExport(db, staleReads)).all(allow('GET'));
  return router;
}

function getExport(db: Database, staleReads: StaleReads): RequestHandler {
  let running = 0;
  return async (req, res) => {
    const { bom, q, ...query } = parse(exportQuerySchema, req.query, 'query');
    if (running >= MAX_EXPORTS) {
      throw new Problem('too-many-exports', `${running} exports are running, which is the limit of each api process.`, {
        headers: { 'Retry-After': '10' },
      });
    }
    running += 1;
    try {
      const pages = exportAlerts(staleReads, filterOf(query, req.apiClient), q);
      // Before the headers: if this query fails, the response is a problem.
      const first = await pages.next();
      if (req.method === 'HEAD') setHeaders(res).end();
      else {
        // Before the first row is sent: no export is missing in the log.
        const details = { query: { ...req.query } as Record<string, string> }; // parsed above: only strings
        await appendAudit(db, { actor: actorOf(req), action: 'alerts.exported', details });
        await send(req, setHeaders(res), { first, pages, bom });
      }
    } finally {
      running -= 1;
    }
  };
}

function setHeaders(res: Response): Response {
  const date = new Date().toISOString().slice(0, 10);
  return res.status(200).set({
    'Content-Type': 'text/csv; charset=utf-8',
    'Content-Disposition': `attachment; filename="alerts-${date}.csv"`,
    'Cache-Control': 'private, no-store',
  });
}

type Export = { first: IteratorResult<RelatedAlert[], void>; pages: Pages; bom: boolean };

/**
 * Sends the rows as fast as the client reads them: the next page is read when the one before has been written. If a query
 * fails, the connection is closed before the end of the body, so that the client cannot mistake it for a complete file.
 */
async function send(req: Request, res: Response, exported: Export): Promise<void> {
  const count = { rows: 0 };
  try {
    await pipeline(Readable.from(chunksOf(exported, count)), res);
    req.log.info(count, 'export sent');
  } catch (error) {
    // The request log has the disconnected client.
    if (!isDisconnect(error)) throw error;
    req.log.info(count, 'export aborted by the client');
  }
}

async function* chunksOf({ first, pages, bom }: Export, count: { rows: number }): AsyncGenerator<string> {
  try {
    yield (bom ? BYTE_ORDER_MARK : '') + csvHeader();
    for (let page = first; !page.done; page = await pages.next()) {
      yield csvRows(page.value);
      count.rows += page.value.length;
    }
  } finally {
    await pages.return(undefined);
  }
}

/** The errors of `pipeline` for a response that was closed while it was written, or before. */
function isDisconnect(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException; // anything can be thrown
  return (
    code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ERR_STREAM_DESTROYED' || code === 'ERR_STREAM_UNABLE_TO_PIPE'
  );
}
