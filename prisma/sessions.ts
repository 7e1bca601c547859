import { type AuditActor, appendAudit } from './audit.ts';
import type { Database } from './client.ts';
import type { ApiKey } from './keys.ts';

/** A login that is valid now, with its key. */
export type Session = { sha256: Uint8Array; expiresAt: Date; key: ApiKey };

/**
 * Stores a session of the key that `actor` has, and deletes the one that it `replaces`, expired ones, and those of the key except
 * the newest `keep`. The audit log has the login.
 */
export async function addSession(
  db: Database,
  session: { sha256: Uint8Array; actor: AuditActor; expiresAt: Date },
  options: { replaces: Uint8Array | undefined; keep: number },
): Promise<void> {
  const { sha256, actor, expiresAt } = session;
  await db.transaction(async (tx) => {
    await tx.$executeRaw`
      WITH deleted AS (
        DELETE FROM sessions WHERE expires_at <= now() OR sha256 = ${options.replaces ?? null}::bytea OR sha256 IN (
          SELECT sha256 FROM sessions WHERE key_id = ${actor.id} ORDER BY created_at DESC OFFSET ${options.keep - 1}))
      INSERT INTO sessions (sha256, key_id, expires_at) VALUES (${sha256}, ${actor.id}, ${expiresAt})`;
    await appendAudit(tx, { actor, action: 'session.started' });
  });
}

/** Ends a session. The audit log has the logout, unless the session had ended before. */
export async function deleteSession(db: Database, sha256: Uint8Array, address: string | undefined): Promise<void> {
  await db.transaction(async (tx) => {
    const [key] = await tx.$queryRaw<{ id: string; name: string }[]>`
      DELETE FROM sessions USING api_keys WHERE sessions.sha256 = ${sha256} AND api_keys.id = key_id RETURNING api_keys.id, name`;
    if (key) await appendAudit(tx, { actor: { ...key, address: address ?? null }, action: 'session.ended' });
  });
}

/** Returns the sessions that have not expired and whose key is valid. */
export async function validSessions(db: Database): Promise<Session[]> {
  const now = new Date();
  return db.session.findMany({
    where: { expiresAt: { gt: now }, key: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] } },
    include: { key: true },
  });
}
