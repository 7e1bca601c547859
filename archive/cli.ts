import { parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseFields } from '#config/fields.ts';
import { ConfigError, parseConfig, UsageError } from '#config/parse.ts';
import type { ObjectStore } from '#media/objects.ts';
import { readArchiveHead } from '#prisma/archive-records.ts';
import { appendAudit, commandLine } from '#prisma/audit.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { checkMigrations } from '#prisma/readiness.ts';
import { sourcesFields } from '#sources/config.ts';
import { type Chain, readChain } from './chain.ts';
import { archiveFields } from './config.ts';
import type { ArchiveFile } from './manifest.ts';
import { restoreFiles } from './restore.ts';
import { openConfiguredArchive } from './store.ts';
import { verifyArchive } from './verify.ts';

const USAGE = `Usage: npm run archive -- list [--from DAY] [--to DAY] [--store STORE]
       npm run archive -- verify
       npm run archive -- restore --from DAY --to DAY [--store STORE]

  list     prints days, stores, rows and bytes
  verify   checks the manifests, and that each file exists and has its SHA-256 and its number of rows
  restore  inserts the archived alerts of these days again, marked as archived; run it again to continue

  --from   first day of receipt, in UTC: 2026-10-01
  --to     last day
  --store  the store; default: all

ARCHIVE_URL is the archive, SOURCES_FILE has its bucket. DATABASE_URL or DATABASE_URL_FILE selects the database; only restore
needs it. verify compares the last manifest with the one that the database knows.
Exit codes: 0 success, 1 error, 2 invalid command line, 3 verification found problems, 130 interrupted.
`;

const day = (option: string) => z.iso.date(`--${option} takes a day such as 2026-10-01`).optional();
const optionsSchema = z
  .object({ from: day('from'), to: day('to'), store: z.string().min(1, '--store is empty').optional() })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, '--from is after --to');

const cliFields = {
  ARCHIVE_URL: archiveFields.ARCHIVE_URL.unwrap(),
  ...sourcesFields,
  DATABASE_URL: databaseFields.DATABASE_URL.optional(),
  DATABASE_DIRECT_URL: databaseFields.DATABASE_DIRECT_URL,
};

type Command = 'list' | 'verify' | 'restore';
type Options = z.infer<typeof optionsSchema>;
type Archive = { store: ObjectStore; url: string };

async function main(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const parsed = readArguments(args);
  if (parsed === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const config = parseConfig(cliFields, env);
  const store = openConfiguredArchive(config, env);
  if (store === undefined) throw new ConfigError(['ARCHIVE_URL: is required and not set']);
  const archive = { store, url: config.ARCHIVE_URL };
  const { command, options } = parsed;
  const databaseUrl = config.DATABASE_DIRECT_URL ?? config.DATABASE_URL;
  try {
    if (command === 'list') return list(await readChain(archive.store), options);
    if (command === 'restore') return await restore(archive, options, databaseUrl);
    return await verify(archive, databaseUrl);
  } finally {
    archive.store.close();
  }
}

function readArguments(args: string[]): { command: Command; options: Options } | 'help' {
  try {
    const text = { type: 'string' } as const;
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { from: text, to: text, store: text, help: { type: 'boolean', short: 'h' } },
    });
    const { help, ...rest } = values;
    if (help || (positionals.length === 0 && args.length === 0)) return 'help';
    const command = z
      .enum(['list', 'verify', 'restore'], 'the command is list, verify or restore')
      .parse(positionals[0]);
    const options = optionsSchema.parse(rest);
    if (positionals.length > 1) throw new UsageError(`unexpected argument ${positionals[1]}`);
    if (command === 'restore' && (options.from === undefined || options.to === undefined)) {
      throw new UsageError('restore needs --from and --to');
    }
    return { command, options };
  } catch (error) {
    if (error instanceof z.ZodError) throw new UsageError(error.issues.map(({ message }) => message).join('\n'));
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function list(chain: Chain, options: Options): number {
  const files = selectFiles(chain, options);
  for (const { day, store, rows, bytes } of files)
    print(`${day}  ${String(rows).padStart(9)}  ${size(bytes).padStart(9)}  ${store}`);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  print(`${rows} alerts in ${files.length} files, ${size(bytes)}; ${chain.number} manifests`);
  return 0;
}

/** Returns the files of the days and the store, by day and store. */
function selectFiles(chain: Chain, { from, to, store }: Options): ArchiveFile[] {
  return [...chain.files.values()]
    .filter((file) => (from ?? file.day) <= file.day && file.day <= (to ?? file.day))
    .filter((file) => store === undefined || file.store === store)
    .toSorted((a, b) => compare(a.day, b.day) || compare(a.store, b.store));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

async function verify({ store, url }: Archive, databaseUrl: string | undefined): Promise<number> {
  const head =
    databaseUrl === undefined ? undefined : await withDatabase(databaseUrl, (db) => readArchiveHead(db, url));
  const report = progress();
  const { manifests, files, rows, problems, leftovers } = await verifyArchive(store, {
    head,
    onFile: (done, total) => report(`${done} of ${total} files`),
  });
  for (const problem of problems) print(`PROBLEM  ${problem}`);
  for (const path of leftovers)
    print(`note     ${path}: left behind by a run that was killed; the next run deletes it`);
  print(
    `${manifests} manifests, ${files} files, ${rows} alerts: ${problems.length === 0 ? 'no problems' : `${problems.length} problems`}`,
  );
  if (databaseUrl !== undefined && (head?.number ?? 0) < manifests) print(behindNote(manifests, head?.number ?? 0));
  if (problems.length > 0) print('Copy the files back from a backup, and verify again. See docs/archive.md.');
  if (databaseUrl === undefined) print('Without DATABASE_URL, missing manifests at the end are not noticed.');
  return problems.length > 0 ? 3 : 0;
}

function behindNote(manifests: number, known: number): string {
  return (
    `note     the archive has ${manifests} manifests, and the database knows ${known}: it was restored from a backup, or a run was ` +
    'killed. Alerts that are in both are deleted by the next runs; the later state stays in the archive.'
  );
}

async function restore(archive: Archive, options: Options, databaseUrl: string | undefined): Promise<number> {
  if (databaseUrl === undefined) throw new ConfigError(['DATABASE_URL: is required and not set']);
  const files = selectFiles(await readChain(archive.store), options);
  if (files.length === 0) {
    print('The archive has no alerts of these days and this store. `npm run archive -- list` prints what it has.');
    return 0;
  }
  const total = files.reduce((sum, { rows }) => sum + rows, 0);
  const report = progress();
  const { restored, existing } = await withDatabase(databaseUrl, async (db) => {
    const { from = null, to = null, store = null } = options;
    const details = { from, to, store, files: files.length };
    const record = (action: 'archive.restore_started' | 'archive.restored', counts: Record<string, number>) =>
      appendAudit(db, { actor: commandLine(), action, target: archive.url, details: { ...details, ...counts } });
    // Alerts are restored in many transactions: of a run that is killed, the log has the first entry.
    await record('archive.restore_started', { alerts: total });
    const counts = await restoreFiles(db, archive.store, files, (done) => report(`${done} of ${total} alerts`));
    await record('archive.restored', counts);
    return counts;
  });
  print(`${restored} alerts restored, ${existing} skipped because they exist; from ${files.length} files`);
  if (restored > 0) print('They have `archived: true`. Retention deletes them again after RESTORED_DAYS.');
  return 0;
}

async function withDatabase<Result>(url: string, work: (db: Database) => Promise<Result>): Promise<Result> {
  const db = openDatabase(url, { poolSize: 1, onError: () => {} }); // the query in flight throws
  try {
    const problem = await checkMigrations(db);
    if (problem !== undefined) throw new Error(`${problem}.`);
    return await work(db);
  } finally {
    await db.$disconnect();
  }
}

/** Returns a function that prints a line at most every 2 s. */
function progress(): (line: string) => void {
  let printed = performance.now();
  return (line) => {
    if (performance.now() - printed < 2_000) return;
    printed = performance.now();
    print(line);
  };
}

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.once('SIGINT', () => {
  process.stderr.write('Interrupted. Nothing is half restored; run it again to continue.\n');
  process.exit(130);
});

process.exitCode = await main(process.argv.slice(2), process.env).catch((error: Error) => {
  process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
  return error instanceof UsageError ? 2 : 1;
});
