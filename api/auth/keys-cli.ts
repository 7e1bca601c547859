import { parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseFields, directUrl } from '#config/fields.ts';
import { parseConfig, UsageError } from '#config/parse.ts';
import { appendAudit, commandLine } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { openDatabase } from '#prisma/client.ts';
import { type ApiKey, addKey, hasKeys, listKeys, revokeKey } from '#prisma/keys.ts';
import { checkMigrations } from '#prisma/readiness.ts';
import { SCOPES } from './client.ts';
import { digest, formatKey, makeKey } from './key.ts';

const USAGE = `Usage: npm run keys -- create --name NAME --scope SCOPE,… [--store STORE]… [--expires 90d] [--first]
       npm run keys -- list
       npm run keys -- revoke ID

  --name     who uses the key, shown by list
  --scope    write: post alerts; read: read alerts and destinations; operate: retry alerts, act on Bull Board;
             manage: hold and delete alerts, and without --store: change destinations, retry deliveries, read the
             audit log; metrics: GET /metrics
  --store    limit the key to this store; repeat for several stores; default: all
  --expires  12h, 90d or a time such as 2027-01-31T00:00:00Z; default: never
  --first    do nothing if a key exists already

DATABASE_URL or DATABASE_URL_FILE selects the database, as for the api.
`;

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
    .transform((text) => expiryOf(text))
    .refine(
      (expiry) => expiry.getTime() > Date.now(),
      '--expires takes 12h, 90d or a time in the future such as 2027-01-31T00:00:00Z',
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
  if (!run) throw new UsageError(`Unknown command ${command}.`);
  const db = openDatabase(directUrl(parseConfig(databaseFields, env)), { poolSize: 1, onError: () => {} }); // the query in flight throws
  try {
    const problem = await checkMigrations(db);
    if (problem !== undefined) throw new Error(`${problem}.`);
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
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function create(values: unknown, rest: string[]) {
  if (rest.length > 0) throw new UsageError(`create takes no argument ${rest.join(' ')}.`);
  const parsed = newKeySchema.safeParse(values);
  if (!parsed.success) throw new UsageError(parsed.error.issues.map(({ message }) => `${message}.`).join('\n'));
  const { name, scope, store, expires, first } = parsed.data;
  return async (db: Database) => {
    if (first && (await hasKeys(db))) return;
    let key = makeKey();
    const stored = () => {
      const sha256 = new Uint8Array(digest(key.secret));
      return { id: key.id, name, sha256, scopes: scope, stores: store, expiresAt: expires ?? null };
    };
    const add = () =>
      db.transaction(async (tx) => {
        const added = await addKey(tx, stored());
        const details = { name, scopes: scope, stores: store, expires_at: expires?.toISOString() ?? null };
        if (added) await appendAudit(tx, { actor: commandLine(), action: 'key.created', target: key.id, details });
        return added;
      });
    while (!(await add())) key = makeKey();
    process.stderr.write(`Key ${key.id} for ${name}: ${summaryOf(scope, store, expires)}. It is shown only once:\n`);
    process.stdout.write(`${formatKey(key)}\n`);
  };
}

function list(rest: string[]) {
  if (rest.length > 0) throw new UsageError(`list takes no argument ${rest.join(' ')}.`);
  return async (db: Database) => {
    const keys = await listKeys(db);
    if (keys.length === 0)
      return void process.stdout.write('No key exists yet. Create one with npm run keys -- create.\n');
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.scopes.join(','),
      key.stores.join(',') || 'all',
      minuteOf(key.createdAt),
      key.expiresAt ? minuteOf(key.expiresAt) : 'never',
      key.lastUsedAt ? minuteOf(key.lastUsedAt) : 'never',
      stateOf(key),
    ]);
    process.stdout.write(
      table([['id', 'name', 'scopes', 'stores', 'created', 'expires', 'last used', 'state'], ...rows]),
    );
  };
}

function revoke(rest: string[]) {
  const [keyOrId, ...more] = rest;
  // Accepts the whole key too: that is what people have at hand when they revoke a leaked one.
  const id = /^(?:va_)?([0-9a-f]{10})(?:_[\w-]*)?$/.exec(keyOrId ?? '')?.[1];
  if (id === undefined || more.length > 0) throw new UsageError('revoke takes one ID, as shown by list.');
  return async (db: Database) => {
    const outcome = await db.transaction(async (tx) => {
      const result = await revokeKey(tx, id);
      if (result === 'revoked') await appendAudit(tx, { actor: commandLine(), action: 'key.revoked', target: id });
      return result;
    });
    if (outcome === 'unknown') throw new Error(`No key has the id ${id}. npm run keys -- list shows all keys.`);
    const text = outcome === 'revoked' ? 'revoked: every api rejects it within 5 seconds' : 'was already revoked';
    process.stdout.write(`Key ${id} ${text}.\n`);
  };
}

/** Returns the time that a duration or a timestamp stands for. The Date is invalid for other text. */
function expiryOf(text: string): Date {
  const [, count, unit = ''] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(Date.now() + Number(count) * (UNITS[unit] ?? Number.NaN));
  return new Date(z.iso.datetime({ offset: true }).safeParse(text).success ? text : Number.NaN);
}

function summaryOf(scopes: string[], stores: string[], expires: Date | undefined): string {
  const storeList = stores.length > 0 ? `stores ${stores.join(', ')}` : 'all stores';
  return `${scopes.join(', ')}; ${storeList}; ${expires ? `until ${expires.toISOString()}` : 'never expires'}`;
}

function stateOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt) return `revoked ${minuteOf(revokedAt)}`;
  return expiresAt && expiresAt.getTime() <= Date.now() ? 'expired' : 'active';
}

const minuteOf = (time: Date) => time.toISOString().slice(0, 16).replace('T', ' ');

/** Formats rows as columns with two spaces between them. */
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
  process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
  process.exitCode = 1;
});
