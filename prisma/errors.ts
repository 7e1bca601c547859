import { Prisma } from './generated/client.ts';

/** The database did not respond, or not in time. A later retry may succeed. */
export class DatabaseUnavailable extends Error {
  readonly code = 'database_unavailable';
  /** Transactions blocked each other. Smaller ones may succeed at once. */
  readonly conflict: boolean;
  /** Its disk is full: it responds to reads, and writes nothing. */
  readonly diskFull: boolean;

  constructor(cause: Error, { conflict = false, diskFull = false } = {}) {
    super(diskFull ? 'the disk of the database is full' : 'the database is unavailable', { cause });
    this.name = 'DatabaseUnavailable';
    this.conflict = conflict;
    this.diskFull = diskFull;
  }
}

/** The database rejected a query: a bug in this program or in the schema. */
export class DatabaseError extends Error {
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(`the database rejected a query (${code})`, { cause });
    this.name = 'DatabaseError';
    this.code = code;
  }
}

// Prisma's codes for a server that is unreachable, slow or gone (P10xx), for an exhausted pool, and for a transaction that
// could not start or took too long (P2028).
const UNAVAILABLE_PRISMA = new Set([
  ...['P1000', 'P1001', 'P1002', 'P1003', 'P1008', 'P1010', 'P1017', 'P2024', 'P2028', 'P2037'],
]);
// The same in terms of its adapter. Raw queries have no other sign: their code is always P2010.
const UNAVAILABLE_KINDS = new Set([
  'AuthenticationFailed',
  'ConnectionClosed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'DatabaseNotReachable',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
]);
// SQLSTATE: 08 connection, 28 authorization, 53 resources, 57P shutting down or starting up, 57014 statement timeout, 55P03
// lock timeout, 58 I/O error, 25P03 idle in a transaction, 25006 read-only while a standby is promoted, 40001 and 40P01
// conflict with another transaction. https://www.postgresql.org/docs/current/errcodes-appendix.html
const UNAVAILABLE_SQLSTATE = /^(08|28|53|57P|57014|55P03|58|25P03|25006|40001|40P01)/;
const DISK_FULL_SQLSTATE = '53100';
const CONFLICT_SQLSTATE = /^(40001|40P01)/;
const SQLSTATE = /^(?!P[12]\d{3})[0-9A-Z]{5}$/;
const UNAVAILABLE_NODE = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)/;
// node-postgres sets no code on these. https://github.com/brianc/node-postgres (pg/lib/client.js, pg-pool/index.js)
const UNAVAILABLE_MESSAGE =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable|connection error/i;

/** Translates an error of Prisma or pg into one of the two above. The cause keeps the message, never query arguments. */
export function translateDatabaseError(error: unknown): Error {
  const codes = [...errorCodes(error)];
  const sqlstate = codes.findLast((code) => SQLSTATE.test(code));
  // Before the last line, Prisma prints the call with its arguments, and a value may read like a lost connection.
  const message = (error instanceof Error ? error.message : String(error)).split('\n').at(-1) ?? '';
  // Class 22 (data exception) quotes the invalid value, which may span lines.
  const cause = new Error(sqlstate?.startsWith('22') ? 'a value does not fit its column or type' : message);
  return isUnavailable(error, codes, sqlstate === undefined ? message : '')
    ? new DatabaseUnavailable(cause, {
        conflict: CONFLICT_SQLSTATE.test(sqlstate ?? ''),
        diskFull: sqlstate === DISK_FULL_SQLSTATE,
      })
    : new DatabaseError(sqlstate ?? codes.at(-1) ?? 'unknown', cause);
}

/** `clientMessage` is empty if the server responded: its messages quote values too. */
function isUnavailable(error: unknown, codes: string[], clientMessage: string): boolean {
  return (
    error instanceof Prisma.PrismaClientInitializationError ||
    codes.some(
      (code) =>
        UNAVAILABLE_PRISMA.has(code) ||
        UNAVAILABLE_KINDS.has(code) ||
        UNAVAILABLE_SQLSTATE.test(code) ||
        UNAVAILABLE_NODE.test(code),
    ) ||
    UNAVAILABLE_MESSAGE.test(clientMessage)
  );
}

/** Yields the codes along the chain of causes: Prisma's, the adapter's, PostgreSQL's, Node's. */
function* errorCodes(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  const fields: Record<string, unknown> = { ...error };
  for (const key of ['kind', 'code', 'originalCode', 'errorCode']) {
    const value = fields[key];
    if (typeof value === 'string') yield value;
  }
  // `cause` is not an enumerable property of an Error.
  const cause = error instanceof Error ? error.cause : fields.cause;
  for (const next of [cause, fields.meta, fields.driverAdapterError]) yield* errorCodes(next, depth + 1);
}
