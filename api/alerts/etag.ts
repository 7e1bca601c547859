import type { Request } from 'express';
import { presentAlert } from '#prisma/present-alert.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';

/** Returns the ETag that Express gives the response of GET /alerts/:uuid. */
export function etagOf(req: Request, alert: RelatedAlert): string {
  return req.app.get('etag fn')(JSON.stringify(presentAlert(alert)), 'utf8');
}

/** Returns whether an If-Match header (RFC 9110) is `*` or lists the ETag. Weak ETags match nothing. */
export function ifMatchIncludes(ifMatch: string, etag: string): boolean {
  if (ifMatch.trim() === '*') return true;
  const listed: string[] = ifMatch.match(/(W\/)?"[^"]*"/g) ?? [];
  return listed.includes(etag);
}
