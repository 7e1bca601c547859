import type { components, operations } from './openapi.ts';

type Schemas = components['schemas'];
type QueryOf<Name extends keyof operations> = NonNullable<operations[Name]['parameters']['query']>;

export type Alert = Schemas['Alert'];

/** What `send` takes. Without a uuid, the client chooses one. */
export type NewAlert = Omit<Schemas['NewAlert'], 'uuid'> & { uuid?: string | undefined };

/** An accepted alert: its current state, and after a 202 whether its job is in the queue. */
export type SentAlert = Alert & { dispatch?: Schemas['AcceptedAlert']['dispatch'] };

export type AlertPage = Schemas['AlertPage'];

/** The filters of `list`. `limit` is the size of a page, not of the list. */
export type ListQuery = { [Name in keyof QueryOf<'listAlerts'>]?: QueryOf<'listAlerts'>[Name] | undefined };

/** Which changes `events` returns. */
export type EventQuery = { store?: string | undefined; status?: Alert['status'] | undefined };

/**
 * A change of an alert. `reset`: the position is unknown to the server, for example after a restore; read the list again.
 * `id` is the position after the event: pass it as `lastEventId` to continue there.
 */
export type AlertEvent =
  | { type: `alert.${Alert['status']}`; id: string; alert: Alert }
  | { type: 'reset'; id: string; alert?: undefined };

export type Key = Schemas['Key'];
/** A new key. `key` is in no other response. */
export type CreatedKey = Schemas['CreatedKey'];
export type RotatedKey = Schemas['RotatedKey'];
export type NewKey = Schemas['NewKey'];
export type KeyRotation = Schemas['KeyRotation'];

export type ProblemBody = Schemas['Problem'];
export type FieldError = NonNullable<ProblemBody['errors']>[number];

type ProblemSchema = Exclude<Extract<keyof Schemas, `${string}Problem`>, 'Problem'>;

/** The `type` of every problem in the API's document. */
export type ProblemType = NonNullable<Schemas[ProblemSchema]['type']>;
