import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseFields, directUrl } from '#config/fields.ts';
import { parseConfig, UsageError } from '#config/parse.ts';
import {
  type ArchiveCounts,
  type ArchiveCursor,
  type ArchiveFilter,
  countArchive,
  requestArchiveCopies,
} from '#prisma/archive-copies.ts';
import { appendAudit, commandLine } from '#prisma/audit.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { checkMigrations } from '#prisma/readiness.ts';

const USAGE = `Usage: npm run copies -- --older-than 30d --store STORE [--dry-run] [--limit N] [--retry] [--no-wait]

Makes small copies (640 pixels, H.264) of a store's videos, for archiving. The workers make them, one at a time each and
after the copies that users wait for. Run it again to continue; what is done is not repeated.

  --older-than  age of the alerts: 12h, 30d, 1y
  --store       the store
  --dry-run     count only
  --limit       request at most N copies in this run
  --retry       also those that could not be made before
  --no-wait     request all copies and exit; default: at most 200 at a time, and wait until they are made

DATABASE_URL or DATABASE_URL_FILE selects the database, as for the api.
Exit codes: 0 all are made, 1 error, 2 invalid command line, 3 some could not be made, 130 interrupted.
`;

const HOUR_MS = 3_600_000;
const UNITS: Record<string, number> = { h: HOUR_MS, d: 24 * HOUR_MS, y: 365 * 24 * HOUR_MS };
/** Copies that are requested and not made yet: an interrupted run leaves few. */
const WINDOW = 200;
const PAGE = 1_000;
const POLL_MS = 2_000;
/** Longer than most copies take. */
const STALLED_MS = 120_000;

const optionsSchema = z.object({
  'older-than': z
    .string('--older-than is required')
    .regex(/^\d{1,5}[hdy]$/, '--older-than takes 12h, 30d or 1y')
    .transform((text) => Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? Number.NaN)),
  store: z.string('--store is required').min(1, '--store is empty').max(128, '--store is over 128 characters'),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, '--limit takes a number from 1')
    .transform(Number)
    .default(Number.POSITIVE_INFINITY),
  'dry-run': z.boolean().default(false),
  retry: z.boolean().default(false),
  'no-wait': z.boolean().default(false),
});

type Options = z.infer<typeof optionsSchema>;

async function main(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = readOptions(args);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const db = openDatabase(directUrl(parseConfig(databaseFields, env)), { poolSize: 1, onError: () => {} }); // the query in flight throws
  try {
    const problem = await checkMigrations(db);
    if (problem !== undefined) throw new Error(`${problem}.`);
    return await archive(db, options);
  } finally {
    await db.$disconnect();
  }
}

function readOptions(args: string[]): Options | 'help' {
  try {
    const { values } = parseArgs({
      args,
      options: {
        'older-than': { type: 'string' },
        store: { type: 'string' },
        limit: { type: 'string' },
        'dry-run': { type: 'boolean' },
        retry: { type: 'boolean' },
        'no-wait': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return 'help';
    const parsed = optionsSchema.safeParse(values);
    if (parsed.success) return parsed.data;
    throw new UsageError(parsed.error.issues.map(({ message }) => `${message}.`).join('\n'));
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Returns the exit code. */
async function archive(db: Database, options: Options): Promise<number> {
  const filter = { store: options.store, before: new Date(Date.now() - options['older-than']) };
  const before = await countArchive(db, filter);
  print(summary(filter, before));
  const open = before.missing + (options.retry ? before.none : 0);
  if (options['dry-run'] || before.alerts === 0) return 0;
  if (open === 0 && before.pending === 0) return exitCodeOf(before);
  const total = Math.min(open, options.limit);
  if (total > 0) {
    const details = { store: options.store, before: filter.before.toISOString(), copies: total, retry: options.retry };
    await appendAudit(db, { actor: commandLine(), action: 'copies.requested', details });
  }
  const after = await requestAndWait(db, filter, { options, total });
  print(`${after.ready - before.ready} copies made, ${size(after.bytes - before.bytes)}`);
  print(summary(filter, after));
  return exitCodeOf(after);
}

/** A copy that would not be smaller than a playable original is not missing. */
function exitCodeOf({ none, reasons }: ArchiveCounts): number {
  return none > (reasons.playable ?? 0) ? 3 : 0;
}

async function requestAndWait(
  db: Database,
  filter: ArchiveFilter,
  { options, total }: { options: Options; total: number },
): Promise<ArchiveCounts> {
  const { retry, 'no-wait': noWait } = options;
  let counts = await countArchive(db, filter);
  const report = progressReport(counts, total + counts.pending);
  let requested = 0;
  let after: ArchiveCursor | undefined;
  let isComplete = total === 0;
  for (;;) {
    const limit = Math.min(noWait ? PAGE : WINDOW - counts.pending, total - requested);
    if (!isComplete && limit > 0) {
      const page = await requestArchiveCopies(db, filter, { limit, after, retry });
      requested += page.requested;
      ({ after } = page);
      isComplete = after === undefined || requested >= total;
    }
    counts = await countArchive(db, filter);
    report(counts);
    if (isComplete && (noWait || counts.pending === 0)) return counts;
    if (!noWait) await sleep(POLL_MS);
  }
}

/** Returns a function that prints the progress when it has changed, and what to check when it has not for a while. */
function progressReport(first: ArchiveCounts, total: number): (now: ArchiveCounts) => void {
  const started = Date.now();
  let changedAt = started;
  let last = '';
  return (now) => {
    // Copies that failed before and are requested again count once they are made.
    const done = Math.max(0, now.ready - first.ready + now.none - first.none);
    const line = `${done} of ${total} done, ${now.pending} pending`;
    if (line === last) {
      if (Date.now() - changedAt < STALLED_MS) return;
      print('No copy was made for a while: check that workers run, have ffmpeg and MEDIA_URL, and their log.');
    } else if (done > 0 && done < total) {
      const minutes = ((total - done) * (Date.now() - started)) / done / 60_000;
      print(`${line}, about ${Math.ceil(minutes)} min left`);
    } else print(line);
    changedAt = Date.now();
    last = line;
  };
}

function summary({ store, before }: ArchiveFilter, counts: ArchiveCounts): string {
  const { alerts, ready, pending, missing, none, bytes } = counts;
  const reasons = Object.entries(counts.reasons).map(([reason, n]) => `${reason} ${n}`);
  const without = none === 0 ? '0' : `${none} (${reasons.join(', ')})`;
  const received = before.toISOString().slice(0, 16).replace('T', ' ');
  return (
    `${store}: ${alerts} processed alerts received before ${received} UTC; ` +
    `copies: ${ready} ready (${size(bytes)}), ${pending} pending, ${missing} not requested, ${without} not possible`
  );
}

function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.once('SIGINT', () => {
  process.stderr.write('Interrupted. The copies that are pending are still made; run it again to continue.\n');
  process.exit(130);
});

process.exitCode = await main(process.argv.slice(2), process.env).catch((error: Error) => {
  process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
  return error instanceof UsageError ? 2 : 1;
});
