import { type RequestHandler, Router } from 'express';
import type { Database } from '#prisma/client.ts';
import { listSilences, type SilenceRow } from '#prisma/silences.ts';
import { requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
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
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    // One more than requested shows whether there is a next page.
    const rows = await listSilences(db, { state, stores }, { limit: limit + 1, after });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = rows.length > page.length && last ? encodeCursor(last) : null;
    if (nextCursor !== null) {
      const next = new URLSearchParams({ ...req.query, cursor: nextCursor } as Record<string, string>); // parsed above: only strings
      res.set('Link', `</silences?${next}>; rel="next"`);
    }
    res.set('Cache-Control', 'private, no-cache').json({ data: page.map(presentSilence), next_cursor: nextCursor });
  };
}

function encodeCursor({ createdAt, id }: Pick<SilenceRow, 'createdAt' | 'id'>): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url');
}

const CURSOR = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function decodeCursor(cursor: string): Pick<SilenceRow, 'createdAt' | 'id'> {
  const [, ms, id] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  if (ms === undefined || id === undefined) throw new Problem('bad-cursor', 'This server did not issue this cursor.');
  return { createdAt: new Date(Number(ms)), id };
}
