import { parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseFields, directUrl } from '#config/fields.ts';
import { parseConfig, UsageError } from '#config/parse.ts';
import { commandLine } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { openDatabase } from '#prisma/client.ts';
import { type ApiKey, findKey, hasKeys, listKeys } from '#prisma/keys.ts';
import { checkMigrations } from '#prisma/readiness.ts';
import { formatKey } from './key.ts';
import { createKey, DEFAULT_OVERLAP, revokeKeyAs, rotateKey } from './manage-keys.ts';
import { SCOPES } from './scopes.ts';

const USAGE = `Usage: npm run keys -- create --name NAME --scope SCOPE,… [--store STORE]… [--expires 90d] [--first]
       npm run keys -- list
       npm run keys -- rotate ID [--overlap 24h] [--expires 90d]
       npm run keys -- revoke ID

  --name     who uses the key, shown by list
  --scope    write: post alerts; read: read alerts and destinations; operate: retry alerts, act on Bull Board;
             manage: hold and delete alerts, administer keys, and without --store: change destinations, retry
             deliveries, read the audit log; metrics: GET /metrics
  --store    limit the key to this store; repeat for several stores; default: all
  --expires  12h, 90d or a time such as 2027-01-31T00:00:00Z; default: never; of rotate: as long as at first
  --overlap  how long the old key stays valid next to the new one: 0h, 12h, 7d; default: 24h
  --first    do nothing if a key exists already

DATABASE_URL or DATABASE_URL_FILE selects the database, as for the api.
`;

const HOUR_MS = 3_600_000;
const UNITS: Record<string, number> = { h: HOUR_MS, d: 24 * HOUR_MS };
const MAX_OVERLAP_MS = 30 * 24 * HOUR_MS;

const expires = z
  .string()
  .transform((text) => expiryOf(text))
  .refine(
    (expiry) => expiry.getTime() > Date.now(),
    '--expires takes 12h, 90d or a time in the future such as 2027-01-31T00:00:00Z',
  )
  .optional();

const rotationSchema = z.object({
  overlap: z
    .string()
    .default(DEFAULT_OVERLAP)
    .transform(durationMs)
    .refine((ms) => ms <= MAX_OVERLAP_MS, '--overlap takes hours or days such as 12h, 7d, at most 30d'),
  expires,
});

const newKeySchema = z.object({
  name: z.string('--name is required').trim().min(1, '--name is empty').max(100, '--name is over 100 characters'),
  scope: z
    .array(z.string(), '--scope is required')
    .transform((given) => [...new Set(given.flatMap((each) => each.split(',')).map((each) => each.trim()))])
    .pipe(z.array(z.enum(SCOPES, `--scope takes ${SCOPES.join(', ')}`)).min(1)),
  store: z.array(z.string().min(1, '--store is empty').max(128, '--store is over 128 characters')).default([]),
  expires,
  first: z.boolean().default(false),
});

/** Where a command writes: a process, or a test that keeps the text. */
export type Output = { stdout: { write(text: string): unknown }; stderr: { write(text: string): unknown } };

/** Runs `npm run keys` with these arguments. Returns the exit code. */
export async function runKeysCommand(args: string[], env: NodeJS.ProcessEnv, output: Output): Promise<number> {
  try {
    await run(args, env, output);
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : error;
    output.stderr.write(`${message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
    return 1;
  }
}

async function run(args: string[], env: NodeJS.ProcessEnv, output: Output): Promise<void> {
  const { values, positionals } = readArguments(args);
  const [name, ...rest] = positionals;
  if (values.help || name === undefined) return void output.stdout.write(USAGE);
  const command = commandOf(name, values, rest);
  if (!command) throw new UsageError(`Unknown command ${name}.`);
  const db = openDatabase(directUrl(parseConfig(databaseFields, env)), { poolSize: 1, onError: () => {} }); // the query in flight throws
  try {
    const problem = await checkMigrations(db);
    if (problem !== undefined) throw new Error(`${problem}.`);
    await command(db, output);
  } finally {
    await db.$disconnect();
  }
}

type Command = (db: Database, output: Output) => Promise<void>;

function commandOf(name: string, values: unknown, rest: string[]): Command | undefined {
  if (name === 'create') return create(values, rest);
  if (name === 'list') return list(rest);
  if (name === 'rotate') return rotate(values, rest);
  return name === 'revoke' ? revoke(rest) : undefined;
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
        overlap: { type: 'string' },
        first: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function create(values: unknown, rest: string[]): Command {
  if (rest.length > 0) throw new UsageError(`create takes no argument ${rest.join(' ')}.`);
  const { name, scope, store, expires: expiresAt = null, first } = parseOptions(newKeySchema, values);
  return async (db, { stdout, stderr }) => {
    if (first && (await hasKeys(db))) return;
    const { key, row } = await createKey(db, { name, scopes: scope, stores: store, expiresAt }, commandLine());
    stderr.write(`Key ${key.id} for ${name}: ${summaryOf(row)}. It is shown only once:\n`);
    stdout.write(`${formatKey(key)}\n`);
  };
}

function parseOptions<Schema extends z.ZodType>(schema: Schema, values: unknown): z.output<Schema> {
  const parsed = schema.safeParse(values);
  if (!parsed.success) throw new UsageError(parsed.error.issues.map(({ message }) => `${message}.`).join('\n'));
  return parsed.data;
}

function rotate(values: unknown, rest: string[]): Command {
  const id = readId('rotate', rest);
  const { overlap: overlapMs, expires: expiresAt } = parseOptions(rotationSchema, values);
  return async (db, { stdout, stderr }) => {
    const old = await findKey(db, id);
    if (!old) throw unknownKey(id);
    const { key, row, until } = await rotateKey(db, old, { overlapMs, expiresAt }, commandLine());
    stderr.write(`Key ${key.id} replaces ${id}, which is valid until ${until.toISOString()}.
Key ${key.id} for ${row.name}: ${summaryOf(row)}. It is shown only once:\n`);
    stdout.write(`${formatKey(key)}\n`);
  };
}

function list(rest: string[]): Command {
  if (rest.length > 0) throw new UsageError(`list takes no argument ${rest.join(' ')}.`);
  return async (db, { stdout }) => {
    const keys = await listKeys(db);
    if (keys.length === 0) return void stdout.write('No key exists yet. Create one with npm run keys -- create.\n');
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
    stdout.write(table([['id', 'name', 'scopes', 'stores', 'created', 'expires', 'last used', 'state'], ...rows]));
  };
}

function revoke(rest: string[]): Command {
  const id = readId('revoke', rest);
  return async (db, { stdout }) => {
    const outcome = await revokeKeyAs(db, id, commandLine());
    if (outcome === 'unknown') throw unknownKey(id);
    const text = outcome === 'revoked' ? 'revoked: every api rejects it within 5 seconds' : 'was already revoked';
    stdout.write(`Key ${id} ${text}.\n`);
  };
}

/** Returns the id in the only argument. The whole key is accepted, too: people have it at hand when they revoke a leaked one. */
function readId(command: string, [keyOrId, ...more]: string[]): string {
  const id = /^(?:va_)?([0-9a-f]{10})(?:_[\w-]*)?$/.exec(keyOrId ?? '')?.[1];
  if (id === undefined || more.length > 0) throw new UsageError(`${command} takes one ID, as shown by list.`);
  return id;
}

function unknownKey(id: string): Error {
  return new Error(`No key has the id ${id}. npm run keys -- list shows all keys.`);
}

/** Returns the milliseconds of a duration such as 12h or 90d; NaN for other text. */
function durationMs(text: string): number {
  const [, count, unit = ''] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  return Number(count) * (UNITS[unit] ?? Number.NaN);
}

/** Returns the time that a duration or a timestamp stands for. The Date is invalid for other text. */
function expiryOf(text: string): Date {
  const ms = durationMs(text);
  if (!Number.isNaN(ms)) return new Date(Date.now() + ms);
  return new Date(z.iso.datetime({ offset: true }).safeParse(text).success ? text : Number.NaN);
}

function summaryOf({ scopes, stores, expiresAt }: ApiKey): string {
  const storeList = stores.length > 0 ? `stores ${stores.join(', ')}` : 'all stores';
  return `${scopes.join(', ')}; ${storeList}; ${expiresAt ? `until ${expiresAt.toISOString()}` : 'never expires'}`;
}

function stateOf({ revokedAt, expiresAt, replacedBy }: ApiKey): string {
  if (revokedAt) return `revoked ${minuteOf(revokedAt)}`;
  if (expiresAt && expiresAt.getTime() <= Date.now()) return 'expired';
  return replacedBy === null ? 'active' : `replaced by ${replacedBy}`;
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
