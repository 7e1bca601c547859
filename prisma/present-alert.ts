import type { Alert } from './generated/client.ts';

type InSnapshot<Value> = Value extends Date ? string : Value extends bigint ? number : Value;

/** The columns of an alert's row at an event, as PostgreSQL writes them as JSON. */
export type AlertSnapshot = { [Column in SnapshotField as SnakeCase<Column>]: InSnapshot<Alert[Column]> };

type SnapshotField = Exclude<
  keyof Alert,
  'id' | 'claims' | 'attemptsBefore' | 'crashes' | 'requestId' | 'traceparent' | 'queuedAt' | 'updatedAt'
>;

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name;
