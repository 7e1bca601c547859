import { type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import { type AuditEntry, listAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { requireManage } from '../auth/client.ts';
import { linkNextPage } from '../http/next-page.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { type auditEntrySchema, auditQuerySchema } from './schema.ts';

/** GET /audit. */
export function auditRoutes({ db }: { db: Database }): Router {
  const router = Router();
  router.route('/audit').get(requireManage, getAudit(db)).all(allow('GET'));
  return router;
}

function getAudit(db: Database): RequestHandler {
  return async (req, res) => {
    const { limit, cursor, ...filter } = parse(auditQuerySchema, req.query, 'query');
    const before = cursor === undefined ? undefined : decodeCursor(cursor);
    // One more than requested shows whether there is a next page.
    const rows = await listAudit(db, filter, { limit: limit + 1, before });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = rows.length > page.length && last ? encodeCursor(last.id) : null;
    linkNextPage(req, res, nextCursor);
    res.set('Cache-Control', 'private, no-cache').json({ data: page.map(presentEntry), next_cursor: nextCursor });
  };
}

/** Returns an entry of the audit log as responses show it. */
export function presentEntry(entry: AuditEntry): z.output<typeof auditEntrySchema> {
  const { id, at, actor, actorName, address, action, target, details, hash } = entry;
  return {
    ...{ id: Number(id), at: at.toISOString(), actor: { id: actor, name: actorName, address }, action, target },
    ...{ details: Object(details), hash: Buffer.from(hash).toString('hex') },
  };
}

function encodeCursor(id: bigint): string {
  return Buffer.from(`audit.${id}`).toString('base64url');
}

function decodeCursor(cursor: string): bigint {
  const id = /^audit\.(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  if (id === undefined) throw new Problem('bad-cursor', 'This server did not issue this cursor.');
  return BigInt(id);
}
