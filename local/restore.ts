// `npm run restore`, into the database of `npm start` or of DATABASE_URL.
import { restore } from '#backup/restore-cli.ts';
import { withLocalDatabase } from './database.ts';

process.exitCode = await withLocalDatabase(process.env, (env) => restore(process.argv.slice(2), env));
