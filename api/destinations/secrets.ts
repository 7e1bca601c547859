import { randomBytes } from 'node:crypto';
import { type DestinationKind, type Fields, type SigningSecret, signingSecretSchema } from '#destinations/kinds.ts';
import { open, SecretsDamaged, SecretsKeyMismatch, seal } from '#destinations/secret-box.ts';
import type { DestinationRow } from '#prisma/destinations.ts';
import { Problem } from '../http/problem.ts';

/** For how long the previous signing secret signs as well. */
const OVERLAP_MS = 24 * 3_600_000;

/** The secret fields of a destination: those of its configuration, and the signing secret. */
export type Secrets = { fields: Fields; signing?: SigningSecret | undefined };

export type ReadSecrets = { secrets: Secrets; error?: undefined } | { secrets?: undefined; error: string };

/** `key`: SECRETS_KEY. Without it, there can be no secrets. */
export type SecretStore = {
  /** Returns the secrets of the destination, or why they cannot be read. */
  read(row: Pick<DestinationRow, 'id' | 'secrets'>): ReadSecrets;
  /** Returns the encrypted secrets, or null if there are none. Throws a Problem without SECRETS_KEY. */
  seal(destinationId: string, secrets: Secrets): Uint8Array<ArrayBuffer> | null;
};

export function createSecretStore(key: Uint8Array | undefined): SecretStore {
  return {
    read({ id, secrets }) {
      if (secrets === null) return { secrets: { fields: {} } };
      if (key === undefined) return { error: 'SECRETS_KEY is not set' };
      try {
        const { signing_secret, ...fields } = Object(open(key, id, secrets)) as Fields; // sealed by `seal` below
        return { secrets: { fields, signing: signingSecretSchema.optional().parse(signing_secret) } };
      } catch (error) {
        if (error instanceof SecretsKeyMismatch || error instanceof SecretsDamaged) return { error: error.message };
        throw error;
      }
    },
    seal(destinationId, { fields, signing }) {
      const all = { ...fields, ...(signing && { signing_secret: signing }) };
      if (Object.keys(all).length === 0) return null;
      if (key === undefined) throw unavailable('SECRETS_KEY is not set, so that secrets cannot be stored');
      return seal(key, destinationId, all);
    },
  };
}

export function unavailable(reason: string): Problem {
  return new Problem('secrets-unavailable', `${reason}.`, { headers: { 'Retry-After': '60' } });
}

/** Returns the signing secret of a new destination; undefined if its kind has none. */
export function newSigningSecret(kind: DestinationKind): SigningSecret | undefined {
  return kind === 'webhook' ? { secret: makeSecret() } : undefined;
}

/** Returns a new signing secret. For a day, the one that it replaces signs as well. */
export function rotate(current: SigningSecret | undefined): SigningSecret {
  if (!current) return { secret: makeSecret() };
  const valid_until = new Date(Date.now() + OVERLAP_MS).toISOString();
  return { secret: makeSecret(), previous: { secret: current.secret, valid_until } };
}

function makeSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}
