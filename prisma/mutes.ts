import type { Database, Transaction } from './client.ts';
import { MAX_COUNT } from './destinations.ts';
import type { Mute } from './generated/client.ts';

/** `muted`: the number of deliveries that it muted, at most MAX_COUNT. */
export type MuteRow = Mute & { muted: number };

/** At least one of `store` and `failureCode`. `destinationId` null: all destinations. */
export type NewMute = Pick<Mute, 'store' | 'failureCode' | 'destinationId' | 'reason' | 'createdBy' | 'endsAt'>;

/** Returns the mutes that have not ended, those that end first before others. */
export async function listMutes(db: Database): Promise<MuteRow[]> {
  return db.$queryRaw<MuteRow[]>`
    SELECT id::text, store, failure_code::text AS "failureCode", destination_id::text AS "destinationId", reason,
      created_by AS "createdBy", created_at AS "createdAt", ends_at AS "endsAt", muted.n AS muted
    FROM mutes CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM (
      SELECT FROM deliveries WHERE mute_id = mutes.id LIMIT ${MAX_COUNT}::int) limited) muted
    WHERE ends_at > now() ORDER BY ends_at, id`;
}

/** Inserts the mute. Returns null if its destination does not exist. */
export async function createMute(
  db: Pick<Database | Transaction, '$queryRaw'>,
  mute: NewMute,
): Promise<MuteRow | null> {
  const [row] = await db.$queryRaw<Mute[]>`
    INSERT INTO mutes (store, failure_code, destination_id, reason, created_by, ends_at)
    SELECT ${mute.store}, ${mute.failureCode}::failure_code, ${mute.destinationId}::uuid, ${mute.reason},
      ${mute.createdBy}, ${mute.endsAt}::timestamptz
    WHERE ${mute.destinationId}::uuid IS NULL OR EXISTS (
      SELECT FROM destinations WHERE id = ${mute.destinationId}::uuid AND deleted_at IS NULL FOR KEY SHARE)
    RETURNING id::text, store, failure_code::text AS "failureCode", destination_id::text AS "destinationId", reason,
      created_by AS "createdBy", created_at AS "createdAt", ends_at AS "endsAt"`;
  return row ? { ...row, muted: 0 } : null;
}

/** Ends the mute now. Its deliveries stay muted. Returns false if it has ended or does not exist. */
export async function endMute(db: Pick<Database | Transaction, '$executeRaw'>, id: string): Promise<boolean> {
  const changed = await db.$executeRaw`UPDATE mutes SET ends_at = now() WHERE id = ${id}::uuid AND ends_at > now()`;
  return changed === 1;
}
