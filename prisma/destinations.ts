import type { Database, Transaction } from './client.ts';
import { DatabaseError } from './errors.ts';
import { type Destination, Prisma } from './generated/client.ts';

export type DestinationRow = Destination;

/** What a person configures. The caller may choose the id, because it is part of the encryption of the secrets. */
export type NewDestination = Pick<
  Destination,
  'name' | 'kind' | 'filterStores' | 'filterEvents' | 'filterFailureCodes'
> & {
  id?: string;
  config: Prisma.InputJsonObject;
  secrets?: Uint8Array<ArrayBuffer> | null;
  groupBy?: string | null;
  groupWaitS?: number | null;
  groupIntervalS?: number | null;
  waitForPicture?: boolean;
  enabled?: boolean;
};

/** Without `enabled`: setEnabled does that. Fields that are undefined stay as they are. */
export type DestinationPatch = {
  [Field in Exclude<keyof NewDestination, 'id' | 'kind' | 'enabled'>]?: NewDestination[Field] | undefined;
};

/** Another destination has this name. */
export class NameTaken extends Error {
  readonly code = 'name_taken';

  constructor(name: string, cause?: unknown) {
    super(`another destination has the name ${name}`, { cause });
    this.name = 'NameTaken';
  }
}

/** Returns all destinations by name. */
export async function listDestinations(db: Database): Promise<DestinationRow[]> {
  return db.destination.findMany({ where: { deletedAt: null }, orderBy: { name: 'asc' } });
}

export async function findDestination(db: Database, id: string): Promise<DestinationRow | null> {
  return db.destination.findUnique({ where: { id, deletedAt: null } });
}

/** Inserts the destination and returns its row. Throws NameTaken. */
export async function createDestination(
  db: Pick<Database | Transaction, 'destination'>,
  destination: NewDestination,
): Promise<DestinationRow> {
  const disabledAt = destination.enabled === false ? new Date() : null;
  return db.destination.create({ data: { ...destination, disabledAt } }).catch(rethrow(destination.name));
}

/** Changes the destination and returns its row; null if there is none. Throws NameTaken. */
export async function updateDestination(
  db: Pick<Database | Transaction, 'destination'>,
  id: string,
  patch: DestinationPatch,
): Promise<DestinationRow | null> {
  const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  const [row] = await db.destination
    .updateManyAndReturn({ where: { id, deletedAt: null }, data: { ...set, updatedAt: new Date() } })
    .catch(rethrow(patch.name ?? ''));
  return row ?? null;
}

/** Prisma's code for a violated unique constraint, and PostgreSQL's. */
const UNIQUE_VIOLATION = ['P2002', '23505'];

function rethrow(name: string) {
  return (error: unknown): never => {
    throw error instanceof DatabaseError && UNIQUE_VIOLATION.includes(error.code) ? new NameTaken(name, error) : error;
  };
}

/** Counts stop here, so that they cost the same however many deliveries there are. */
export const MAX_COUNT = 10_001;

/** Counts are at most MAX_COUNT. `oldestPendingAt`: when the oldest pending delivery was created. */
export type DestinationHealth = { pending: number; failed: number; oldestPendingAt: Date | null };

/** Returns the number of pending and failed deliveries of every destination, by id. */
export async function destinationHealth(db: Database): Promise<Map<string, DestinationHealth>> {
  // Without ORDER BY, the planner expects a sequential scan to find enough rows early, and reads the whole table if not.
  const rows = await db.$queryRaw<({ id: string } & DestinationHealth)[]>`
    SELECT destinations.id::text, pending.n AS pending, failed.n AS failed, oldest.created_at AS "oldestPendingAt"
    FROM destinations
    CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM (SELECT FROM deliveries
      WHERE destination_id = destinations.id AND status = 'pending' ORDER BY created_at, id LIMIT ${MAX_COUNT}::int) limited) pending
    CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM (SELECT FROM deliveries
      WHERE destination_id = destinations.id AND status = 'failed' ORDER BY created_at, id LIMIT ${MAX_COUNT}::int) limited) failed
    LEFT JOIN LATERAL (SELECT created_at FROM deliveries
      WHERE destination_id = destinations.id AND status = 'pending' ORDER BY created_at, id LIMIT 1) oldest ON true`;
  return new Map(rows.map(({ id, ...health }) => [id, health]));
}

/** `failures` in a row open the circuit breaker for `baseMs`; each further failure doubles that, up to `maxMs`. */
export type Breaker = { failures: number; baseMs: number; maxMs: number };

/**
 * Records a failed attempt and returns the number of failures in a row; 0 if there is no such destination. Blocks the
 * destination for `blockedUntilMs` from now and as the `breaker` says, whichever is longer; up to 20 % less, by chance.
 * While it is blocked, only the failure of a `probe` counts, and blocks it again: attempts that were in progress say nothing
 * new.
 */
export async function recordDestinationFailure(
  db: Database,
  id: string,
  error: string,
  options: { blockedUntilMs?: number | undefined; breaker?: Breaker | undefined; probe?: boolean | undefined } = {},
): Promise<number> {
  const { blockedUntilMs = null, breaker = { failures: 0, baseMs: 0, maxMs: 0 }, probe = false } = options;
  const counts = Prisma.sql`(blocked_until IS NULL OR ${probe}::bool)`;
  const [row] = await db.$queryRaw<{ failures: number }[]>`
    UPDATE destinations SET consecutive_failures = consecutive_failures + CASE WHEN ${counts} THEN 1 ELSE 0 END,
      last_error = ${error}, last_error_at = now(),
      blocked_until = GREATEST(CASE WHEN ${probe}::bool THEN NULL ELSE blocked_until END,
        now() + make_interval(secs => ${blockedUntilMs}::float8 / 1000),
        CASE WHEN ${breaker.failures}::int > 0 AND ${counts}
          AND (consecutive_failures + 1 >= ${breaker.failures}::int OR ${probe}::bool)
        THEN now() + make_interval(secs => (1 - 0.2 * random()) * LEAST(${breaker.maxMs}::float8,
          ${breaker.baseMs}::float8 * 2 ^ LEAST(GREATEST(consecutive_failures + 1 - ${breaker.failures}::int, 0), 30)) / 1000) END)
    WHERE id = ${id}::uuid RETURNING consecutive_failures AS failures`;
  return row?.failures ?? 0;
}

/** Records a delivery and closes the circuit breaker. While nothing else changes, it writes every 5 s at most. */
export async function recordDestinationSuccess(db: Database, id: string): Promise<void> {
  await db.$executeRaw`
    UPDATE destinations SET consecutive_failures = 0, blocked_until = NULL, last_delivered_at = now()
    WHERE id = ${id}::uuid AND (consecutive_failures > 0 OR blocked_until IS NOT NULL OR last_delivered_at IS NULL
      OR last_delivered_at < now() - interval '5 seconds')`;
}

/** Disables the destination because of its responses. Its deliveries stay pending. Returns false if it was disabled. */
export async function disableDestination(db: Database, id: string, reason: string): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE destinations SET enabled = false, disabled_reason = ${reason}, disabled_at = now()
    WHERE id = ${id}::uuid AND enabled`;
  return changed === 1;
}

/**
 * Acquires the right to try one delivery of a destination whose block has ended. Of all concurrent callers one gets true;
 * the others wait for `leaseMs` at least. The delivery is claimed with `probe`.
 */
export async function acquireProbe(db: Database, id: string, leaseMs: number): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE destinations SET blocked_until = now() + make_interval(secs => ${leaseMs}::float8 / 1000)
    WHERE id = ${id}::uuid AND enabled AND blocked_until <= now()`;
  return changed === 1;
}
