import type { Database } from './client.ts';
import type { FailureCode } from './generated/enums.ts';
import { type OverduePosition, START } from './overdue.ts';

export type WaitingAlert = OverduePosition & { uuid: string; store: string; source: string | null };

/**
 * Returns at most `limit` alerts that are pending after an error with one of these codes, in the order of their
 * last update, after the position.
 */
export async function listWaiting(
  db: Database,
  { codes, limit, after = START }: { codes: FailureCode[]; limit: number; after?: OverduePosition | undefined },
): Promise<WaitingAlert[]> {
  const time = after.updatedAt;
  return db.$queryRaw<WaitingAlert[]>`
    SELECT id, uuid::text, updated_at AS "updatedAt", store, source FROM alerts
    WHERE notified_at IS NULL AND status = 'pending' AND split_part(last_error, ':', 1) = ANY(${codes})
      AND updated_at >= ${time}::timestamptz AND (updated_at, id) > (${time}::timestamptz, ${after.id}::bigint)
    ORDER BY updated_at, id LIMIT ${limit}`;
}
