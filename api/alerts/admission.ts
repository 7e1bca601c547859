import type { Request } from 'express';
import { z } from 'zod';
import { traceparent } from '#observability/tracing.ts';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import { canAccessStore } from '../auth/client.ts';
import { Problem, validationProblem } from '../http/problem.ts';
import type { ApiMetrics } from '../operations/metrics.ts';
import type { Backpressure } from './backpressure.ts';
import { type CreateResult, createAlert } from './create.ts';
import type { NewAlertBody } from './schema.ts';

export type AdmitDeps = { db: Database; queue: AlertQueue; backpressure: Backpressure; metrics: ApiMetrics } & {
  /** Returns the names of the video sources that an alert can select. */
  sourceNames: () => readonly string[];
};

export type Admitted = Exclude<CreateResult, { kind: 'conflict' }>;

/**
 * Accepts an alert from a client. Throws a Problem if the client may not post for its store, the uuid belongs to another
 * alert, its video source does not exist, or the queue is full.
 */
export async function admitAlert(
  deps: AdmitDeps,
  req: Pick<Request, 'apiClient' | 'id' | 'log'>,
  alert: NewAlertBody,
): Promise<Admitted> {
  if (!canAccessStore(req.apiClient, alert.store)) {
    throw new Problem('forbidden', `The key ${req.apiClient.id} may not post alerts of this store.`);
  }
  const unknownSource = unknownSourceError(alert, deps.sourceNames());
  const isFull = await deps.backpressure.isFull();
  if (isFull || unknownSource) {
    // An alert that was accepted before gets its usual response.
    const existing = await findAlert(deps.db, alert.uuid);
    if (!existing && unknownSource) throw validationProblem(unknownSource, 'alert');
    if (!existing)
      throw new Problem('queue-full', 'Too many alerts are waiting.', { headers: { 'Retry-After': '10' } });
  }
  const created = await createAlert(
    { ...deps, log: req.log },
    { ...alert, requestId: req.id, traceparent: traceparent() },
  );
  if (created.kind === 'created' && created.dispatch === 'queued') deps.backpressure.added();
  const deferred = created.kind === 'created' && created.dispatch === 'deferred';
  deps.metrics.received.inc({ result: deferred ? 'deferred' : created.kind });
  if (created.kind !== 'conflict') return created;
  // If the existing alert belongs to a store that the client may not access, only that fact is revealed.
  const fields = canAccessStore(req.apiClient, created.alert.store) ? created.fields : ['store'];
  throw new Problem('alert-conflict', `This uuid already exists with a different ${listOf(fields)}.`, {
    extra: { fields, existing: `/alerts/${alert.uuid}` },
  });
}

/** Returns the error of an alert whose source is not configured. It lists the names that are. */
function unknownSourceError({ source }: NewAlertBody, names: readonly string[]): z.ZodError | undefined {
  if (source === undefined || names.includes(source)) return undefined;
  const valid = names.length === 0 ? 'none is configured' : `one of ${names.join(', ')}`;
  const message = `is not the name of a video source; valid: ${valid}`;
  return new z.ZodError([
    { code: 'custom', path: ['source'], params: { code: 'unknown_source' }, message, input: source },
  ]);
}

/** Returns `a`, `a and b` or `a, b and c`. */
function listOf(words: string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
