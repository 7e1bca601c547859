import type { Database } from './client.ts';

/** Returns the retry of the alert with this key in the last 24 hours. `response` is null until it is saved. */
export async function findRetry(
  db: Database,
  alertId: bigint,
  key: string,
): Promise<{ response: string | null } | undefined> {
  const [retry] = await db.$queryRaw<{ response: string | null }[]>`
    SELECT response FROM retry_keys
    WHERE alert_id = ${alertId} AND key = ${key} AND created_at > now() - interval '24 hours'`;
  return retry;
}

/** Saves the response to a retry, and deletes up to 100 keys that are older than 24 hours. */
export async function saveRetryResponse(db: Database, alertId: bigint, key: string, response: string): Promise<void> {
  // SKIP LOCKED: concurrent calls that delete the same keys must not wait for each other.
  await db.$executeRaw`
    WITH deleted AS (
      DELETE FROM retry_keys WHERE (alert_id, key) IN (
        SELECT alert_id, key FROM retry_keys WHERE created_at <= now() - interval '24 hours'
        LIMIT 100 FOR UPDATE SKIP LOCKED))
    UPDATE retry_keys SET response = ${response} WHERE alert_id = ${alertId} AND key = ${key}`;
}
