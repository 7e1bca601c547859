import { z } from 'zod';
import {
  type Environment,
  openMedia,
  print,
  programVersion,
  readOptions,
  readSettings,
  runCommand,
} from './command.ts';
import { createBackup } from './create.ts';
import { openPlace } from './place.ts';
import { pruneBackups } from './prune.ts';
import { recordRun } from './runs.ts';

const USAGE = `Usage: npm run backup -- --to FOLDER|s3://SOURCE/PREFIX [--keep N|all] [--media] [--format pg_dump|tables]

Writes a backup of the database, while the stack runs. It does not contain SECRETS_KEY and LINK_KEYS: keep them elsewhere.

  --to      a folder, or a bucket of SOURCES_FILE
  --keep    afterwards, keep the newest N backups there and delete older ones; default: 14
  --media   also copy the files of pictures and copies that are new there
  --format  pg_dump needs a pg_dump that is as new as the server; tables needs no program. Default: pg_dump if there is one

DATABASE_URL or DATABASE_URL_FILE selects the database, PG_DUMP_PATH the program. docs/backup.md explains more.
`;

const shape = {
  to: z.string('--to is required').min(1, '--to is empty'),
  keep: z
    .string()
    .regex(/^([1-9]\d{0,5}|all)$/, '--keep takes a number from 1, or all')
    .transform((text) => (text === 'all' ? Number.POSITIVE_INFINITY : Number(text)))
    .default(14),
  media: z.boolean().default(false),
  format: z.enum(['pg_dump', 'tables'], '--format takes pg_dump or tables').optional(),
};

/** `npm run backup`. Returns the exit code. */
export function backup(args: string[], env: Environment): Promise<number> {
  return runCommand(USAGE, async () => {
    const types = {
      to: { type: 'string' },
      keep: { type: 'string' },
      media: { type: 'boolean' },
      format: { type: 'string' },
    } as const;
    const options = readOptions(args, types, shape);
    if (options === 'help') {
      print(USAGE);
      return 0;
    }
    const started = performance.now();
    const settings = readSettings(env);
    const media = options.media ? openMedia(settings, env) : undefined;
    const place = openPlace(options.to, { SOURCES_FILE: settings.SOURCES_FILE, env, option: '--to' });
    try {
      const { name, files, format } = await createBackup({
        ...{ databaseUrl: settings.DATABASE_URL, place, format: options.format, search: settings, media, print },
        program: programVersion,
      });
      const seconds = (performance.now() - started) / 1_000;
      const keep = Number.isFinite(options.keep) ? options.keep : 'all';
      const details = { to: options.to, format, media: options.media, keep };
      await recordRun(settings.DATABASE_URL, { kind: 'backup', name, seconds, details });
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      print(`${name}: complete, ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`);
      for (const removed of await pruneBackups(place, options.keep)) print(`deleted ${removed}`);
      return 0;
    } finally {
      media?.close();
      await place.close();
    }
  });
}

if (import.meta.main) process.exitCode = await backup(process.argv.slice(2), process.env);
