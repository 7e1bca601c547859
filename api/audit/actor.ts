import type { Request } from 'express';
import type { AuditActor } from '#prisma/audit.ts';
import type { Requester } from '#prisma/holds.ts';
import { EVERYONE } from '../auth/client.ts';

/** Returns who sends the request, as the audit log records it. */
export function actorOf({ apiClient, ip }: Pick<Request, 'apiClient' | 'ip'>): AuditActor {
  return { id: apiClient === EVERYONE ? 'anonymous' : apiClient.id, name: apiClient.name, address: ip ?? null };
}

/** Returns who sends the request, and the stores that they may access. */
export function requesterOf(req: Request): Requester {
  return { actor: actorOf(req), stores: req.apiClient.stores };
}
