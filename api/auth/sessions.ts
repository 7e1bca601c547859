import { randomBytes } from 'node:crypto';
import type { Database } from '#prisma/client.ts';
import { addSession, deleteSession, validSessions } from '#prisma/sessions.ts';
import type { Sessions } from './client.ts';
import { digest } from './key.ts';
import { clientOfKey, isExpired } from './key-cache.ts';
import { createLoadedMap } from './loaded-map.ts';

/** A working day. */
export const SESSION_MS = 12 * 3_600_000;
// Every process loads all sessions: a client that logs in again and again must not make them many.
const SESSIONS_PER_KEY = 20;

/** Returns the sessions in this database. They throw DatabaseUnavailable. */
export function createSessions(db: Database): Sessions {
  const sessions = createLoadedMap(async () =>
    (await validSessions(db)).map((session) => [
      idOf(session.sha256),
      { ...session, client: clientOfKey(session.key) },
    ]),
  );
  return {
    async start({ id, name }, { replaces, address }) {
      const token = randomBytes(32).toString('base64url');
      const actor = { id, name, address: address ?? null };
      const session = { sha256: sha256Of(token), actor, expiresAt: new Date(Date.now() + SESSION_MS) };
      const replaced = replaces === undefined ? undefined : sha256Of(replaces);
      await addSession(db, session, { replaces: replaced, keep: SESSIONS_PER_KEY });
      if (replaced) sessions.delete(idOf(replaced));
      return token;
    },
    async clientOf(token) {
      const session = await sessions.get(idOf(sha256Of(token)));
      return session && !isExpired(session) && !isExpired(session.key) ? session.client : undefined;
    },
    async end(token, address) {
      const sha256 = sha256Of(token);
      await deleteSession(db, sha256, address);
      sessions.delete(idOf(sha256));
    },
  };
}

function sha256Of(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(digest(token));
}

function idOf(sha256: Uint8Array): string {
  return Buffer.from(sha256).toString('base64');
}
