import type { z } from 'zod';
import type { AlertFilter } from '#prisma/alerts.ts';
import type { Client } from '../auth/client.ts';
import type { alertQuerySchema } from './schema.ts';
import { triageFilterOf } from './triage-schema.ts';

type Query = Omit<z.output<typeof alertQuerySchema>, 'q' | 'limit' | 'cursor'>;

/** Returns the filter of a list of alerts: what the query selects, among the stores that the client may access. */
export function filterOf(query: Query, client: Pick<Client, 'name' | 'stores'>): AlertFilter {
  return {
    store: query.store,
    stores: client.stores,
    camera: query.camera,
    status: query.status,
    failureCode: query.failure_code,
    held: query.held,
    triage: triageFilterOf(query.triage, client),
    from: query.from,
    to: query.to,
  };
}
