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
export class DatabaseFault extends Error {
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(`the database refused a query (${code})`, { cause });
    this.name = 'DatabaseFault';
    this.code = code;
  }
}

// Prisma's own codes for a server that is not there, slow or gone (P10xx), and for a spent pool.
const UNAVAILABLE_PRISMA = new Set(['P1000', 'P1001', 'P1002', 'P1003', 'P1008', 'P1010', 'P1017', 'P2024', 'P2037']);
// SQLSTATE: 08 connection, 53 resources, 57P shutting down or starting up, 57014 statement timeout, 25006 read-only
// while a standby is promoted. https://www.postgresql.org/docs/current/errcodes-appendix.html
const UNAVAILABLE_SQLSTATE = /^(08|53|57P|57014|25006|28)/;
const UNAVAILABLE_NODE = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)/;
// node-postgres gives these no code. https://github.com/brianc/node-postgres (pg/lib/client.js, pg-pool/index.js)
const UNAVAILABLE_TEXT =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable|connection error/i;

/** What Prisma threw as one of the two errors above: the cause keeps code and text, never the query's arguments. */
export function translateDatabaseError(error: unknown): Error {
  const codes = [...errorCodes(error)];
  const text = error instanceof Error ? error.message : String(error);
  const cause = new Error(text.split('\n').at(-1));
  const unavailable =
    error instanceof Prisma.PrismaClientInitializationError ||
    UNAVAILABLE_TEXT.test(text) ||
    codes.some((c) => UNAVAILABLE_PRISMA.has(c) || UNAVAILABLE_SQLSTATE.test(c) || UNAVAILABLE_NODE.test(c));
  return unavailable ? new DatabaseUnavailable(cause) : new DatabaseFault(codes.at(-1) ?? 'unknown', cause);
}

/** The codes along the chain of causes: Prisma's, the adapter's, PostgreSQL's, Node's. */
function* errorCodes(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  for (const key of ['code', 'originalCode', 'errorCode'] as const) {
    const value = (error as Record<string, unknown>)[key]; // any error may carry any field
    if (typeof value === 'string') yield value;
  }
  for (const key of ['cause', 'meta', 'driverAdapterError'] as const) {
    yield* errorCodes((error as Record<string, unknown>)[key], depth + 1); // as above
  }
}
