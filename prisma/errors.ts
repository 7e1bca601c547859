import { Prisma } from './generated/client.ts';

/** The database did not answer, or not in time. Trying again later helps. */
export class DatabaseUnavailable extends Error {
  readonly code = 'database_unavailable';

  constructor(cause: Error) {
    super('the database does not answer', { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** The database answered with a refusal: a fault of this program or of the schema. */
export class DatabaseError extends Error {
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(`the database refused a query (${code})`, { cause });
    this.name = 'DatabaseFault';
    this.code = code;
  }
}

// Prisma's own codes for a server that is not there, slow or gone (P10xx), and for a spent pool.
const UNAVAILABLE_PRISMA = new Set(['P1000', 'P1001', 'P1002', 'P1003', 'P1008', 'P1010', 'P1017', 'P2024', 'P2037']);
// What its adapter calls them: a raw query has no other sign (its code is P2010, whatever happened).
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
// SQLSTATE: 08 connection, 28 authorization, 53 resources, 57P shutting down or starting up, 57014 statement timeout,
// 25006 read-only while a standby is promoted. https://www.postgresql.org/docs/current/errcodes-appendix.html
const UNAVAILABLE_SQLSTATE = /^(08|28|53|57P|57014|25006)/;
const SQLSTATE = /^(?!P[12]\d{3})[0-9A-Z]{5}$/;
const UNAVAILABLE_NODE = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)/;
// node-postgres gives these no code. https://github.com/brianc/node-postgres (pg/lib/client.js, pg-pool/index.js)
const UNAVAILABLE_TEXT =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable|connection error/i;

/** What Prisma or pg threw as one of the two errors above: the cause keeps the text, never the query's arguments. */
export function translateDatabaseError(error: unknown): Error {
  const codes = [...errorCodes(error)];
  const sqlstate = codes.findLast((code) => SQLSTATE.test(code));
  // Above its last line Prisma prints the call with its arguments, in which a value may read like a lost connection.
  const text = (error instanceof Error ? error.message : String(error)).split('\n').at(-1) ?? '';
  // Class 22 (data exception) repeats the value that did not fit, over as many lines as it has.
  const cause = new Error(sqlstate?.startsWith('22') ? 'a value does not fit its column or type' : text);
  return isUnavailable(error, codes, sqlstate === undefined ? text : '')
    ? new DatabaseUnavailable(cause)
    : new DatabaseError(sqlstate ?? codes.at(-1) ?? 'unknown', cause);
}

/** `ownText` is empty where the server answered: its texts quote values as well. */
function isUnavailable(error: unknown, codes: string[], ownText: string): boolean {
  return (
    error instanceof Prisma.PrismaClientInitializationError ||
    codes.some(
      (code) =>
        UNAVAILABLE_PRISMA.has(code) ||
        UNAVAILABLE_KINDS.has(code) ||
        UNAVAILABLE_SQLSTATE.test(code) ||
        UNAVAILABLE_NODE.test(code),
    ) ||
    UNAVAILABLE_TEXT.test(ownText)
  );
}

/** The codes along the chain of causes: Prisma's, the adapter's, PostgreSQL's, Node's. */
function* errorCodes(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  const fields: Record<string, unknown> = { ...error };
  for (const key of ['kind', 'code', 'originalCode', 'errorCode']) {
    const value = fields[key];
    if (typeof value === 'string') yield value;
  }
  // `cause` is no own enumerable field of an Error.
  const cause = error instanceof Error ? error.cause : fields.cause;
  for (const next of [cause, fields.meta, fields.driverAdapterError]) yield* errorCodes(next, depth + 1);
}
