import { createHash } from 'node:crypto';
import type { Database } from './client.ts';

/** A place in the audit log: the number of an entry and its hash, in hexadecimal. */
export type ChainPoint = { id: bigint; hash: string };

export type Verification = {
  /** The number of entries that are intact. */
  entries: number;
  /** Where the log starts: after the last entry that its retention has deleted. */
  anchor: ChainPoint;
  /** The last entry. Kept elsewhere, it shows later whether the log up to here was replaced. */
  head: ChainPoint;
  /** The first error; undefined: none. */
  error?: string;
};

type Row = { id: bigint; previous: string; hash: string } & { [Column in (typeof HASHED)[number]]: string | null };

const HASHED = ['at', 'actor', 'actor_name', 'address', 'action', 'target', 'details'] as const;
const PAGE = 5_000;
/** The smallest bigint. */
const BEFORE_ALL = -(2n ** 63n);

/**
 * Computes the hash of every entry, without the functions of the database, and compares it with the next one and with both
 * ends of the log. Entries that are appended at the same time are not verified. `known`: heads of earlier runs.
 */
export async function verifyAuditLog(
  db: Pick<Database, '$queryRaw'>,
  known: readonly ChainPoint[] = [],
): Promise<Verification> {
  const [ends] = await db.$queryRaw<{ anchorId: bigint; anchorHash: string; id: bigint; hash: string }[]>`
    SELECT anchor_id AS "anchorId", encode(anchor_hash, 'hex') AS "anchorHash", last_id AS id, encode(last_hash, 'hex') AS hash
    FROM audit_head WHERE id = 1`;
  if (!ends) {
    const none = { id: 0n, hash: '' };
    return { entries: 0, anchor: none, head: none, error: 'the row of audit_head is missing' };
  }
  const anchor = { id: ends.anchorId, hash: ends.anchorHash };
  const head = { id: ends.id, hash: ends.hash };
  const chain = new Chain(anchor, known);
  for (
    let rows = await readPage(db, BEFORE_ALL, head.id);
    rows.length > 0;
    rows = await readPage(db, chain.readUpTo, head.id)
  ) {
    const error = chain.add(rows);
    if (error !== undefined) return { entries: chain.entries, anchor, head, error };
  }
  const error = chain.end(head) ?? (await errorAfter(db));
  return { entries: chain.entries, anchor, head, ...(error !== undefined && { error }) };
}

class Chain {
  entries = 0;
  readUpTo = 0n;
  #last: ChainPoint;
  readonly #anchor: ChainPoint;
  readonly #known: Map<bigint, string>;

  constructor(anchor: ChainPoint, known: readonly ChainPoint[]) {
    this.#anchor = anchor;
    this.#last = anchor;
    this.#known = new Map(known.map(({ id, hash }) => [id, hash]));
  }

  /** Returns the first error. */
  add(rows: readonly Row[]): string | undefined {
    for (const row of rows) {
      const error = this.#check(row);
      if (error !== undefined) return error;
      this.#last = { id: row.id, hash: row.hash };
      this.readUpTo = row.id;
      this.entries += 1;
    }
    return undefined;
  }

  /** Returns how the end of the log differs from `head`. */
  end(head: ChainPoint): string | undefined {
    const { id, hash } = this.#last;
    if (id < head.id)
      return `the log ends with entry ${id}, but ${head.id} were written: the last entries were removed`;
    if (hash !== head.hash) return `the hash of the last entry, ${id}, is not the one in audit_head`;
    const beyond = [...this.#known.keys()].find((each) => each > head.id);
    return beyond === undefined
      ? undefined
      : `the log ends with entry ${head.id}, but entry ${beyond} was known: it was removed`;
  }

  #check(row: Row): string | undefined {
    if (row.id <= this.#anchor.id)
      return `entry ${row.id} is older than the start of the log, ${this.#anchor.id + 1n}: it was inserted`;
    if (row.id !== this.#last.id + 1n) return `entry ${this.#last.id + 1n} is missing: the next one is ${row.id}`;
    if (row.previous !== this.#last.hash)
      return `entry ${row.id} does not follow the entry before: one of them was replaced`;
    if (row.hash !== hashOf(row)) return `entry ${row.id} was changed: its hash is not that of its content`;
    const known = this.#known.get(row.id);
    return known === undefined || known === row.hash
      ? undefined
      : `entry ${row.id} is not the known one: the log up to it was replaced`;
  }
}

/** As the function audit_log_append in the database: SHA-256 of the previous hash and of a JSON array of strings. */
function hashOf(row: Row): string {
  const columns = [String(row.id), ...HASHED.map((column) => row[column])];
  const text = `[${columns.map((value) => JSON.stringify(value)).join(', ')}]`;
  return createHash('sha256').update(Buffer.from(row.previous, 'hex')).update(text, 'utf8').digest('hex');
}

/** One statement reads both, so that it sees entries that are appended now in both or in neither. */
async function errorAfter(db: Pick<Database, '$queryRaw'>): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ id: bigint }[]>`
    SELECT min(id) AS id FROM audit_log WHERE id > (SELECT last_id FROM audit_head WHERE id = 1) HAVING count(*) > 0`;
  return row && `entry ${row.id} is newer than the last one in audit_head: it was inserted`;
}

function readPage(db: Pick<Database, '$queryRaw'>, after: bigint, last: bigint): Promise<Row[]> {
  return db.$queryRaw<Row[]>`
    SELECT id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, actor, actor_name, address, action, target,
      details::text AS details, encode(previous_hash, 'hex') AS previous, encode(hash, 'hex') AS hash
    FROM audit_log WHERE id > ${after} AND id <= ${last} ORDER BY id LIMIT ${PAGE}::int`;
}
