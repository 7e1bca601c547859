import type { Call, CallOptions, Connection } from './http.ts';
import type { CreatedKey, Key, KeyRotation, NewKey, RotatedKey } from './types.ts';

/** Administers API keys. The client's own key needs the scope `manage`. */
export type KeyClient = {
  /** Returns all keys without their secrets, the revoked and expired ones, too. */
  list(options?: CallOptions): Promise<Key[]>;
  /** Creates a key. `key` of the result is shown only once. */
  create(key: NewKey, options?: CallOptions): Promise<CreatedKey>;
  /** Replaces a key. The old one stays valid for `overlap`. */
  rotate(id: string, rotation?: KeyRotation, options?: CallOptions): Promise<RotatedKey>;
  /** Revokes a key. Revoking it again changes nothing. */
  revoke(id: string, options?: CallOptions): Promise<void>;
};

export function keyClient(connection: Connection): KeyClient {
  // A repetition would create another key, and the first one would be unknown.
  const once = (body: unknown): Call => ({ method: 'POST', body, idempotent: false });
  const pathOf = (id: string) => `/keys/${encodeURIComponent(id)}`;
  return {
    async list(options) {
      const { body } = await connection.call('/keys', options);
      return (body as { data: Key[] }).data; // as in openapi.json, like the bodies below
    },
    async create(key, options) {
      return (await connection.call('/keys', { ...options, ...once(key) })).body as CreatedKey;
    },
    async rotate(id, rotation = {}, options) {
      return (await connection.call(`${pathOf(id)}/rotate`, { ...options, ...once(rotation) })).body as RotatedKey;
    },
    async revoke(id, options) {
      await connection.call(pathOf(id), { ...options, method: 'DELETE' });
    },
  };
}
