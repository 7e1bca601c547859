import pg from 'pg';
import { addressOf } from '#config/database-url.ts';
import { connectionTo } from '#postgres/connection.ts';

/**
 * Runs the work with a connection of its own, and closes it. Throws one sentence, without the password, if there is none.
 * `options`: in addition to the address and the time limit of 10 s.
 */
export async function withConnection<Result>(
  url: string,
  options: Pick<pg.ClientConfig, 'options' | 'application_name'>,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ ...connectionTo(url), connectionTimeoutMillis: 10_000, ...options });
  client.on('error', () => {}); // the same error rejects the query in progress, or the next one
  try {
    await client.connect();
  } catch (cause) {
    // A host name with several addresses fails with an AggregateError, whose message is empty.
    const [first] = cause instanceof AggregateError ? cause.errors : [cause];
    const message = first instanceof Error ? first.message : String(first);
    throw new Error(`cannot open the database at ${addressOf(url)}: ${message}`, { cause });
  }
  try {
    return await work(client);
  } finally {
    await client.end(); // releases its session locks
  }
}
