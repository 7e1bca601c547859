import { type AuditActor, appendAudit, type NewAuditEntry } from '#prisma/audit.ts';
import type { Database, Transaction } from '#prisma/client.ts';
import { type ApiKey, addKey, findKey, replaceKey, revokeKey } from '#prisma/keys.ts';
import { digest, type Key, makeKey } from './key.ts';

/** What a new key may do, and until when. */
export type KeyRequest = Pick<ApiKey, 'name' | 'scopes' | 'stores' | 'expiresAt'>;

/** How a key is rotated. `expiresAt` of the new key; undefined: as far ahead as that of the old key was when it was created. */
export type Rotation = { overlapMs: number; expiresAt?: Date | null | undefined };

/** A key with its row. The secret is stored nowhere else. */
export type NewKey = { key: Key; row: ApiKey };

/** The key to be rotated is revoked, expired or replaced. */
export class KeyNotActive extends Error {}

/** How long the old key stays valid after a rotation, unless the administrator chooses. */
export const DEFAULT_OVERLAP = '24h';

/** Stores a new key, with an entry of the audit log, and returns it. */
export function createKey(db: Database, request: KeyRequest, actor: AuditActor): Promise<NewKey> {
  return db.transaction(async (tx) => {
    const created = await insertKey(tx, request);
    await appendAudit(tx, createdEntry(created.row, actor));
    return created;
  });
}

/**
 * Stores a new key with the name, scopes and stores of `old`, which stays valid for the overlap. Returns the new key, and until
 * when the old one is valid. Throws KeyNotActive, and changes nothing, if it is not valid now or was replaced before.
 */
export function rotateKey(
  db: Database,
  old: ApiKey,
  { overlapMs, expiresAt = nextExpiry(old) }: Rotation,
  actor: AuditActor,
): Promise<NewKey & { until: Date }> {
  return db.transaction(async (tx) => {
    const created = await insertKey(tx, { name: old.name, scopes: old.scopes, stores: old.stores, expiresAt });
    const { id } = created.key;
    const until = await replaceKey(tx, old.id, { by: id, overlapMs });
    if (until === undefined) throw new KeyNotActive(whyNotActive(old));
    const details = { replaced_by: id, valid_until: until.toISOString() };
    const rotated = { actor, action: 'key.rotated', target: old.id, details } as const;
    await appendAudit(tx, createdEntry(created.row, actor), rotated);
    return { ...created, until };
  });
}

/** Revokes a key, with an entry of the audit log unless it was revoked before. */
export function revokeKeyAs(db: Database, id: string, actor: AuditActor): ReturnType<typeof revokeKey> {
  return db.transaction(async (tx) => {
    const result = await revokeKey(tx, id);
    if (result === 'revoked') await appendAudit(tx, { actor, action: 'key.revoked', target: id });
    return result;
  });
}

async function insertKey(tx: Transaction, { name, scopes, stores, expiresAt }: KeyRequest): Promise<NewKey> {
  for (;;) {
    const key = makeKey();
    const sha256 = new Uint8Array(digest(key.secret));
    const added = await addKey(tx, { id: key.id, name, sha256, scopes, stores, expiresAt });
    const row = added ? await findKey(tx, key.id) : null; // not added: the id exists
    if (row) return { key, row };
  }
}

function createdEntry({ id, name, scopes, stores, expiresAt }: ApiKey, actor: AuditActor): NewAuditEntry {
  const details = { name, scopes, stores, expires_at: expiresAt?.toISOString() ?? null };
  return { actor, action: 'key.created', target: id, details };
}

function nextExpiry({ createdAt, expiresAt }: ApiKey): Date | null {
  return expiresAt && new Date(Date.now() + expiresAt.getTime() - createdAt.getTime());
}

/** Returns why a key cannot be rotated. `key` may be older than the change that made it inactive. */
function whyNotActive({ id, revokedAt, replacedBy, expiresAt }: ApiKey): string {
  if (revokedAt) return `The key ${id} is revoked.`;
  if (replacedBy !== null) return `The key ${id} was replaced by ${replacedBy}.`;
  const expired = expiresAt !== null && expiresAt.getTime() <= Date.now();
  return expired ? `The key ${id} has expired.` : `The key ${id} was just replaced or revoked.`;
}
