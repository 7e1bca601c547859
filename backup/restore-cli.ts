import { z } from 'zod';
import { describeQueue } from './after-restore.ts';
import { type Environment, openMedia, print, readOptions, readSettings, runCommand } from './command.ts';
import { openPlace } from './place.ts';
import { type RestoreReport, restoreBackup } from './restore.ts';

const USAGE = `Usage: npm run restore -- --from FOLDER|s3://SOURCE/PREFIX [--name NAME] [--media]

Restores a backup into the empty database of DATABASE_URL: all of it, or nothing. Stop api and worker first.

  --from   what --to of npm run backup was
  --name   the backup; default: the newest one
  --media  also copy the files of pictures and copies to MEDIA_URL

DATABASE_URL must be of the role that owns the tables, as for npm run migrate. With SECRETS_KEY and QUEUE_URL, the command
checks whether the secrets of destinations can be used and whether the queue is empty. docs/backup.md explains more.
Exit codes: 0 restored, 1 error and nothing changed, 2 invalid command line, 3 restored, and something has to be done.
`;

const shape = {
  from: z.string('--from is required').min(1, '--from is empty'),
  name: z.string().optional(),
  media: z.boolean().default(false),
};

/** `npm run restore`. Returns the exit code. */
export function restore(args: string[], env: Environment): Promise<number> {
  return runCommand(USAGE, async () => {
    const types = { from: { type: 'string' }, name: { type: 'string' }, media: { type: 'boolean' } } as const;
    const options = readOptions(args, types, shape);
    if (options === 'help') {
      print(USAGE);
      return 0;
    }
    const started = performance.now();
    const settings = readSettings(env);
    const { DATABASE_URL, SECRETS_KEY, QUEUE_URL, SOURCES_FILE } = settings;
    const media = options.media ? openMedia(settings, env) : undefined;
    const place = openPlace(options.from, { SOURCES_FILE, env, option: '--from' });
    try {
      const common = { databaseUrl: DATABASE_URL, place, name: options.name, media, print, recordFrom: options.from };
      const report = await restoreBackup({ ...common, search: settings, secretsKey: SECRETS_KEY });
      const queue = QUEUE_URL === undefined ? undefined : await describeQueue(QUEUE_URL);
      if (queue !== undefined) report.problems.push(queue);
      print(`restored ${report.manifest.name} in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
      return printReport(report);
    } finally {
      media?.close();
      await place.close();
    }
  });
}

/** Returns the exit code. */
function printReport({ manifest, released, migrated, problems }: RestoreReport): number {
  print(`every table has the rows of the backup of ${manifest.created_at}`);
  print(`attempts released: ${released.alerts}; logins ended: ${released.sessions}`);
  if (migrated.length > 0) print(`applied migrations: ${migrated.join(', ')}`);
  print('API keys that were revoked after the backup are valid again: npm run keys -- list');
  for (const problem of problems) print(`warning: ${problem}`);
  print('Next: npm run migrate, then start api and worker.');
  return problems.length > 0 ? 3 : 0;
}

if (import.meta.main) process.exitCode = await restore(process.argv.slice(2), process.env);
