import type { Database, Transaction } from './client.ts';
import type { ApiKey } from './generated/client.ts';

export type { ApiKey } from './generated/client.ts';

/** The columns that authentication needs. */
export type ValidKey = Omit<ApiKey, 'lastUsedAt' | 'replacedBy'>;

export type NewApiKey = Pick<ApiKey, 'id' | 'name' | 'sha256' | 'scopes' | 'stores' | 'expiresAt'>;

/** Inserts the key. Returns false, and changes nothing, if its id exists. */
export async function addKey(db: Pick<Database | Transaction, 'apiKey'>, key: NewApiKey): Promise<boolean> {
  const { count } = await db.apiKey.createMany({ data: [key], skipDuplicates: true });
  return count === 1;
}

/** Returns all keys, revoked and expired ones too, oldest first. */
export async function listKeys(db: Database): Promise<ApiKey[]> {
  return db.apiKey.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
}

/** Returns the key, also a revoked or expired one, or null. */
export function findKey(db: Pick<Database | Transaction, 'apiKey'>, id: string): Promise<ApiKey | null> {
  return db.apiKey.findUnique({ where: { id } });
}

/**
 * Lets `by` replace a key, which stays valid for `overlapMs` at most. Returns until when, or undefined, and changes nothing, if
 * the key is not valid or was replaced before.
 */
export async function replaceKey(
  tx: Pick<Transaction, '$queryRaw'>,
  id: string,
  { by, overlapMs }: { by: string; overlapMs: number },
): Promise<Date | undefined> {
  const [row] = await tx.$queryRaw<{ until: Date }[]>`
    UPDATE api_keys SET replaced_by = ${by}, expires_at = least(expires_at, now() + make_interval(secs => ${overlapMs / 1_000}))
    WHERE id = ${id} AND replaced_by IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    RETURNING expires_at AS until`;
  return row?.until;
}

/** Returns the keys that are neither revoked nor expired, by the database's clock. */
export async function validKeys(db: Database): Promise<ValidKey[]> {
  return db.$queryRaw<ValidKey[]>`
    SELECT id, name, sha256, scopes, stores, created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt"
    FROM api_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;
}

/** Records that the key was used now. Writes at most once a minute, however many processes call it. */
export async function markKeyUsed(db: Database, id: string): Promise<void> {
  await db.$executeRaw`UPDATE api_keys SET last_used_at = now()
    WHERE id = ${id} AND (last_used_at IS NULL OR last_used_at < now() - interval '55 seconds')`;
}

export async function hasKeys(db: Database): Promise<boolean> {
  return (await db.apiKey.findFirst({ select: { id: true } })) !== null;
}

/** Revokes a key. A second call keeps the time of the first. */
export async function revokeKey(
  db: Pick<Database | Transaction, 'apiKey'>,
  id: string,
): Promise<'revoked' | 'revoked before' | 'unknown'> {
  const { count } = await db.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: new Date() } });
  if (count === 1) return 'revoked';
  return (await db.apiKey.findUnique({ where: { id } })) ? 'revoked before' : 'unknown';
}
