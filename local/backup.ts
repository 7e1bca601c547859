// `npm run backup`, for the database of `npm start` or of DATABASE_URL.
import { backup } from '#backup/backup-cli.ts';
import { withLocalDatabase } from './database.ts';

process.exitCode = await withLocalDatabase(process.env, (env) => backup(process.argv.slice(2), env));
