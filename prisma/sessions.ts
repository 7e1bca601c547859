import type { Database } from './client.ts';
import type { ApiKey } from './keys.ts';

/** A login that is valid now, with its key. */
export type Session = { sha256: Uint8Array; expiresAt: Date; key: ApiKey };

/**
 * Stores a session, and deletes the one that it `replaces`, expired ones, and those of its key except the newest `keep`.
 * One statement, so that a crash cannot leave the replaced session.
 */
export async function addSession(
  db: Database,
  session: { sha256: Uint8Array; keyId: string; expiresAt: Date },
  options: { replaces: Uint8Array | undefined; keep: number },
): Promise<void> {
  const { sha256, keyId, expiresAt } = session;
  await db.$executeRaw`
    WITH deleted AS (
      DELETE FROM sessions WHERE expires_at <= now() OR sha256 = ${options.replaces ?? null}::bytea OR sha256 IN (
        SELECT sha256 FROM sessions WHERE key_id = ${keyId} ORDER BY created_at DESC OFFSET ${options.keep - 1}))
    INSERT INTO sessions (sha256, key_id, expires_at) VALUES (${sha256}, ${keyId}, ${expiresAt})`;
}

export async function deleteSession(db: Database, sha256: Uint8Array): Promise<void> {
  await db.$executeRaw`DELETE FROM sessions WHERE sha256 = ${sha256}`;
}

/** Returns the sessions that have not expired and whose key is valid. */
export async function validSessions(db: Database): Promise<Session[]> {
  const now = new Date();
  return db.session.findMany({
    where: { expiresAt: { gt: now }, key: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] } },
    include: { key: true },
  });
}
