import { parseArgs } from 'node:util';
import { databaseFields, directUrl } from '#config/fields.ts';
import { parseConfig, UsageError } from '#config/parse.ts';
import { type ChainPoint, type Verification, verifyAuditLog } from '#prisma/audit-chain.ts';
import { openDatabase } from '#prisma/client.ts';
import { checkMigrations } from '#prisma/readiness.ts';

const USAGE = `Usage: npm run audit -- verify [--known NUMBER:HASH]…

Computes the hash of every entry of the audit log. Prints the first entry that was changed, removed or inserted and exits
with 1, or prints the last entry as NUMBER:HASH. Keep that outside of the database: it shows later whether the log up to
this entry was replaced.

  --known  the last entry of an earlier run; repeat for several

DATABASE_URL or DATABASE_URL_FILE selects the database, as for the api.
`;

async function main(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { values, positionals } = readArguments(args);
  const [command, ...rest] = positionals;
  if (values.help || command === undefined) return void process.stdout.write(USAGE);
  if (command !== 'verify' || rest.length > 0) throw new UsageError(`Unknown command ${positionals.join(' ')}.`);
  const known = (values.known ?? []).map(pointOf);
  const db = openDatabase(directUrl(parseConfig(databaseFields, env)), { poolSize: 1, onError: () => {} }); // the query in flight throws
  try {
    const problem = await checkMigrations(db);
    if (problem !== undefined) throw new Error(`${problem}.`);
    report(await verifyAuditLog(db, known));
  } finally {
    await db.$disconnect();
  }
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { known: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function pointOf(text: string): ChainPoint {
  const [, id, hash] = /^(\d{1,18}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (id === undefined || hash === undefined) throw new UsageError(`--known takes NUMBER:HASH, not ${text}.`);
  return { id: BigInt(id), hash };
}

function report({ entries, anchor, head, error }: Verification): void {
  if (error !== undefined) throw new Error(`The audit log is damaged: ${error}. ${entries} entries before are intact.`);
  const from = anchor.id === 0n ? '' : ` Entries up to ${anchor.id} were deleted by AUDIT_RETENTION_DAYS.`;
  process.stdout.write(`${entries} entries are intact.${from}\n`);
  if (head.id > 0n) process.stdout.write(`last entry ${head.id}:${head.hash}\n`);
}

await main(process.argv.slice(2), process.env).catch((error: Error) => {
  process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
  process.exitCode = 1;
});
