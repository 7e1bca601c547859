import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type Environment,
  print,
  programVersion,
  readOptionalSettings,
  readOptions,
  runCommand,
} from '#backup/command.ts';
import { createBackup } from '#backup/create.ts';
import { drill } from '#backup/drill.ts';
import { type BackupPlace, openPlace } from '#backup/place.ts';
import { recordRun } from '#backup/runs.ts';
import { UsageError } from '#config/parse.ts';
import { hasLocalDatabase, withLocalDatabase } from './database.ts';
import { startEmbeddedPostgres } from './postgres/embedded.ts';

const USAGE = `Usage: npm run restore-drill -- [--from FOLDER|s3://SOURCE/PREFIX] [--name NAME]

Restores a backup into a temporary PostgreSQL, compares every table with it, and prints how long that took.

  --from  what --to of npm run backup was; without it, a new backup is written to a temporary folder
  --name  the backup; default: the newest one

The success is recorded in the database of DATABASE_URL, for the metric restore_drill_last_success_timestamp_seconds.
`;

const shape = { from: z.string().min(1, '--from is empty').optional(), name: z.string().optional() };

/** `npm run restore-drill`. Returns the exit code. */
function restoreDrill(args: string[], env: Environment): Promise<number> {
  return runCommand(USAGE, async () => {
    const options = readOptions(args, { from: { type: 'string' }, name: { type: 'string' } }, shape);
    if (options === 'help') {
      print(USAGE);
      return 0;
    }
    const folder = await mkdtemp(join(tmpdir(), 'restore-drill-'));
    try {
      const settings = readOptionalSettings(env);
      const { DATABASE_URL } = settings;
      const from = options.from ?? join(folder, 'backups');
      const place = openPlace(from, { SOURCES_FILE: settings.SOURCES_FILE, env, option: '--from' });
      const common = { place, search: settings, print };
      if (options.from === undefined) {
        if (DATABASE_URL === undefined) throw new UsageError('--from is required without a database to back up.');
        await createBackup({ ...common, databaseUrl: DATABASE_URL, program: programVersion });
      }
      const { name, seconds } = await onTemporaryServer(folder, (databaseUrl) =>
        measure({ ...common, databaseUrl, name: options.name, secretsKey: settings.SECRETS_KEY }),
      );
      await place.close();
      if (DATABASE_URL === undefined) print('the success is not recorded: DATABASE_URL is not set');
      else await recordRun(DATABASE_URL, { kind: 'restore_drill', name, seconds });
      return 0;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function measure(options: Parameters<typeof drill>[0] & { place: BackupPlace }) {
  const started = performance.now();
  const { manifest, rows, unfinished, problems } = await drill(options);
  const seconds = (performance.now() - started) / 1_000;
  for (const problem of problems) print(`warning: ${problem}`);
  print(
    `${manifest.name}: ${manifest.tables.length} tables with ${rows} rows restored, 0 differences, ${unfinished} unfinished alerts`,
  );
  print(`the restore took ${seconds.toFixed(1)} s`);
  return { name: manifest.name, seconds };
}

async function onTemporaryServer<Result>(folder: string, work: (url: string) => Promise<Result>): Promise<Result> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), durable: false });
  try {
    return await work(postgres.url);
  } finally {
    await postgres.stop();
  }
}

if (import.meta.main) {
  const run = (env: Environment) => restoreDrill(process.argv.slice(2), env);
  // Elsewhere than on the machine of the stack there is only the backup.
  process.exitCode = hasLocalDatabase(process.env) ? await withLocalDatabase(process.env, run) : await run(process.env);
}
