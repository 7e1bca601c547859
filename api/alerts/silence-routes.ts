import { type RequestHandler, Router } from 'express';
import type { Database } from '#prisma/client.ts';
import { listSilences } from '#prisma/silences.ts';
import { requireScope } from '../auth/client.ts';
import { decodeTimeCursor, encodeTimeCursor, linkNextPage } from '../http/next-page.ts';
import { allow } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { presentSilence, silenceQuerySchema } from './silence-schema.ts';

/** GET /silences. */
export function silenceRoutes({ db }: { db: Database }): Router {
  const router = Router();
  router.route('/silences').get(requireScope('read'), getSilences(db)).all(allow('GET'));
  return router;
}

function getSilences(db: Database): RequestHandler {
  return async (req, res) => {
    const { state, limit, cursor } = parse(silenceQuerySchema, req.query, 'query');
    const { stores } = req.apiClient;
    const after = cursor === undefined ? undefined : decodeTimeCursor(cursor);
    // One more than requested shows whether there is a next page.
    const rows = await listSilences(db, { state, stores }, { limit: limit + 1, after });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = rows.length > page.length && last ? encodeTimeCursor(last) : null;
    linkNextPage(req, res, nextCursor);
    res.set('Cache-Control', 'private, no-cache').json({ data: page.map(presentSilence), next_cursor: nextCursor });
  };
}
