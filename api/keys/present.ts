import type { z } from 'zod';
import type { ApiKey } from '#prisma/keys.ts';
import { isExpired } from '../auth/key-cache.ts';
import { SCOPES } from '../auth/scopes.ts';
import type { keySchema } from './schema.ts';

/** Returns a key as responses show it. `current`: the id of the key that sends the request. */
export function presentKey(row: Omit<ApiKey, 'sha256'>, current: string): z.output<typeof keySchema> {
  const { id, name, stores, createdAt, expiresAt, lastUsedAt, revokedAt, replacedBy } = row;
  return {
    ...{ id, name, stores, scopes: SCOPES.filter((scope) => row.scopes.includes(scope)) },
    status: revokedAt ? 'revoked' : isExpired(row) ? 'expired' : 'active',
    created_at: createdAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
    last_used_at: lastUsedAt?.toISOString() ?? null,
    revoked_at: revokedAt?.toISOString() ?? null,
    replaced_by: replacedBy,
    current: id === current,
  };
}
