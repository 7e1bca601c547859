import type { z } from 'zod';
import type { RetentionRule } from '#prisma/retention-rules.ts';
import type { RetentionState } from '#prisma/retention-run.ts';
import type { retentionSchema, ruleSchema } from './schema.ts';

/** Returns the rule as responses show it. */
export function presentRule(row: RetentionRule): z.input<typeof ruleSchema> {
  const { id, store, days, updatedBy, updatedAt } = row;
  // A constraint of the table allows no other status.
  const status = row.status as 'processed' | 'failed' | null;
  return { id, store, status, days, updated_by: updatedBy, updated_at: updatedAt.toISOString() };
}

/** Returns the last run as responses show it. */
export function presentRun(state: RetentionState): z.input<typeof retentionSchema>['last_run'] {
  const { startedAt, updatedAt, finishedAt, deleted, error } = state;
  return {
    started_at: startedAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    finished_at: finishedAt?.toISOString() ?? null,
    deleted,
    error,
  };
}
