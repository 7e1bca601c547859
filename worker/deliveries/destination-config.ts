import { type Fields, joinSecrets } from '#destinations/kinds.ts';
import { open, SecretsDamaged, SecretsKeyMismatch } from '#destinations/secret-box.ts';
import type { DestinationRow } from '#prisma/destinations.ts';

/** The destination's configuration cannot be read. `message` says to operators what to do. */
export class ConfigUnreadable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ConfigUnreadable';
  }
}

/** Returns the whole configuration of a destination, with its secret fields. Throws ConfigUnreadable. */
export function configOf(destination: DestinationRow, secretsKey: Uint8Array | undefined): Fields {
  const { id, kind, config, secrets } = destination;
  const fields = Object(config) as Fields; // written by the api as an object
  if (secrets === null) return fields;
  if (secretsKey === undefined) {
    throw new ConfigUnreadable(
      'SECRETS_KEY is not set for the worker: set the key that the api uses, then it is retried',
    );
  }
  try {
    return joinSecrets(kind, fields, Object(open(secretsKey, id, secrets)));
  } catch (error) {
    if (error instanceof SecretsKeyMismatch) {
      const message = `${error.message}: set SECRETS_KEY of the worker to that key, or enter the secrets again`;
      throw new ConfigUnreadable(message, error);
    }
    if (error instanceof SecretsDamaged) throw new ConfigUnreadable(`${error.message}: enter them again`, error);
    throw error;
  }
}
