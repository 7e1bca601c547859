import type { Request, Response } from 'express';
import { Problem } from './problem.ts';

/** Adds the link to the next page: the same request with this cursor. Null: there is none. Call it after the query is parsed. */
export function linkNextPage(req: Request, res: Response, cursor: string | null): void {
  if (cursor === null) return;
  const next = new URLSearchParams({ ...req.query, cursor } as Record<string, string>); // parsed: only strings
  res.set('Link', `<${req.path}?${next}>; rel="next"`);
}

export type TimeCursor = { createdAt: Date; id: string };

/** Returns the cursor of a row in a list that is ordered by time and uuid. */
export function encodeTimeCursor({ createdAt, id }: TimeCursor): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url');
}

const TIME_CURSOR = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Returns the time and uuid of a cursor. Throws the problem `bad-cursor`. */
export function decodeTimeCursor(cursor: string): TimeCursor {
  const [, ms, id] = TIME_CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  if (ms === undefined || id === undefined) throw new Problem('bad-cursor', 'This server did not issue this cursor.');
  return { createdAt: new Date(Number(ms)), id };
}
