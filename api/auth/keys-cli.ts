import { parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseFields } from '#config/fields.ts';
import { parseConfig } from '#config/parse.ts';
import type { Database } from '#prisma/client.ts';
import { openDatabase } from '#prisma/client.ts';
import { type ApiKey, addKey, hasKeys, listKeys, revokeKey } from '#prisma/keys.ts';
import { checkMigrations } from '#prisma/readiness.ts';
import { SCOPES } from './caller.ts';
import { digest, formatKey, makeKey } from './key.ts';

const USAGE = `Usage: npm run keys -- create --name NAME --scope SCOPE,… [--store STORE]… [--expires 90d] [--first]
       npm run keys -- list
       npm run keys -- revoke ID

  --name     who will have it, as you will find it in the list
  --scope    write: post alerts; read: see them; operate: retry them, act on Bull Board; metrics: GET /metrics
  --store    the key reaches the alerts of this store alone; more than once for more stores; none: all
  --expires  so many hours or days from now (12h, 90d) or a moment (2027-01-31T00:00:00Z); none: never
  --first    only where there is no key yet, else nothing is done

The rows' database is told by DATABASE_URL or DATABASE_URL_FILE, as for the api.
`;

/** Told to the user with the usage. */
class Misuse extends Error {}

const HOUR_MS = 3_600_000;
const UNITS: Record<string, number> = { h: HOUR_MS, d: 24 * HOUR_MS };

const newKeySchema = z.object({
  name: z.string('--name is required').trim().min(1, '--name is empty').max(100, '--name is over 100 characters'),
  scope: z
    .array(z.string(), '--scope is required')
    .transform((given) => [...new Set(given.flatMap((each) => each.split(',')).map((each) => each.trim()))])
    .pipe(z.array(z.enum(SCOPES, `--scope takes ${SCOPES.join(', ')}`)).min(1)),
  store: z.array(z.string().min(1, '--store is empty').max(128, '--store is over 128 characters')).default([]),
  expires: z
    .string()
    .transform((text) => momentOf(text))
    .refine(
      (moment) => moment.getTime() > Date.now(),
      '--expires takes 12h, 90d or a moment to come, as 2027-01-31T00:00:00Z',
    )
    .optional(),
  first: z.boolean().default(false),
});

async function main(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { values, positionals } = readArguments(args);
  const [command, ...rest] = positionals;
  if (values.help || command === undefined) return void process.stdout.write(USAGE);
  const run =
    command === 'create'
      ? create(values, rest)
      : command === 'list'
        ? list(rest)
        : command === 'revoke'
          ? revoke(rest)
          : undefined;
  if (!run) throw new Misuse(`There is no command ${command}.`);
  const { DATABASE_URL } = parseConfig(databaseFields, env);
  const db = openDatabase(DATABASE_URL, { poolSize: 1, onError: () => {} }); // the query under way tells it
  try {
    const fault = await checkMigrations(db);
    if (fault !== undefined) throw new Error(`${fault}.`);
    await run(db);
  } finally {
    await db.$disconnect();
  }
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        scope: { type: 'string', multiple: true },
        store: { type: 'string', multiple: true },
        expires: { type: 'string' },
        first: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error));
  }
}

function create(values: unknown, rest: string[]) {
  if (rest.length > 0) throw new Misuse(`create takes no ${rest.join(' ')}.`);
  const parsed = newKeySchema.safeParse(values);
  if (!parsed.success) throw new Misuse(parsed.error.issues.map(({ message }) => `${message}.`).join('\n'));
  const { name, scope, store, expires, first } = parsed.data;
  return async (db: Database) => {
    if (first && (await hasKeys(db))) return;
    let key = makeKey();
    const stored = () => {
      const sha256 = new Uint8Array(digest(key.secret));
      return { id: key.id, name, sha256, scopes: scope, stores: store, expiresAt: expires ?? null };
    };
    while (!(await addKey(db, stored()))) key = makeKey();
    process.stderr.write(`Key ${key.id} for ${name}: ${told(scope, store, expires)}. It is shown this once:\n`);
    process.stdout.write(`${formatKey(key)}\n`);
  };
}

function list(rest: string[]) {
  if (rest.length > 0) throw new Misuse(`list takes no ${rest.join(' ')}.`);
  return async (db: Database) => {
    const keys = await listKeys(db);
    if (keys.length === 0) return void process.stdout.write('There is no key yet. npm run keys -- create makes one.\n');
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.scopes.join(','),
      key.stores.join(',') || 'all',
      day(key.createdAt),
      key.expiresAt ? day(key.expiresAt) : 'never',
      stateOf(key),
    ]);
    process.stdout.write(table([['id', 'name', 'scopes', 'stores', 'created', 'expires', 'state'], ...rows]));
  };
}

function revoke(rest: string[]) {
  const [given, ...more] = rest;
  // The whole key is taken too: who revokes a leaked one has it at hand.
  const id = /^(?:va_)?([0-9a-f]{10})(?:_[\w-]*)?$/.exec(given ?? '')?.[1];
  if (id === undefined || more.length > 0) throw new Misuse('revoke takes one ID, as list shows it.');
  return async (db: Database) => {
    const outcome = await revokeKey(db, id);
    if (outcome === 'unknown') throw new Error(`There is no key ${id}: npm run keys -- list shows them.`);
    const text = outcome === 'revoked' ? 'is revoked: every api refuses it within 5 seconds' : 'was revoked before';
    process.stdout.write(`Key ${id} ${text}.\n`);
  };
}

/** Invalid where the text is neither a span nor a moment. */
function momentOf(text: string): Date {
  const [, count, unit = ''] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(Date.now() + Number(count) * (UNITS[unit] ?? Number.NaN));
  return new Date(z.iso.datetime({ offset: true }).safeParse(text).success ? text : Number.NaN);
}

function told(scopes: string[], stores: string[], expires: Date | undefined): string {
  const where = stores.length > 0 ? `stores ${stores.join(', ')}` : 'all stores';
  return `${scopes.join(', ')}; ${where}; ${expires ? `until ${expires.toISOString()}` : 'for ever'}`;
}

function stateOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt) return `revoked ${day(revokedAt)}`;
  return expiresAt && expiresAt.getTime() <= Date.now() ? 'expired' : 'good';
}

const day = (moment: Date) => moment.toISOString().slice(0, 16).replace('T', ' ');

/** Columns as wide as their widest cell, at least two blanks between. */
function table(rows: string[][]): string {
  const widths = rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

await main(process.argv.slice(2), process.env).catch((error: Error) => {
  process.stderr.write(`${error.message}\n${error instanceof Misuse ? `\n${USAGE}` : ''}`);
  process.exitCode = 1;
});
