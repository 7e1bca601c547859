import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { MIGRATIONS, migrationNames } from '#prisma/migration-files.ts';
import { startEmbeddedPostgres } from './postgres/embedded.ts';

// Uses Prisma's schema engine as WebAssembly from npm. The Prisma CLI downloads the same engine as a native binary from its
// vendor's host, which is not possible on a machine without that network.

// TypeScript has this global in its DOM library only, which would let every file use `document` too.
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

const SCHEMA = new URL('../prisma/schema.prisma', import.meta.url);

/** `externalTables`: tables Prisma must not touch. There are none: the queue has a schema of its own. */
export const ALL_TABLES = { externalTables: [], externalEnums: [] };

/** prisma/migrations as the engine takes it. */
export async function readMigrations(): Promise<MigrationList> {
  const directories = (await migrationNames()).map(async (name) => {
    const value = await readFile(new URL(`./${name}/migration.sql`, MIGRATIONS), 'utf8');
    return { path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
  });
  return {
    baseDir: MIGRATIONS.pathname,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(new URL('./migration_lock.toml', MIGRATIONS), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(directories),
  };
}

/** The text of schema.prisma. */
export function readSchema(): Promise<string> {
  return readFile(SCHEMA, 'utf8');
}

/** Runs `work` with an engine on a database, and closes the engine's connection. Throws what the engine throws. */
export async function withSchemaEngine<Result>(
  databaseUrl: string,
  work: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  const Engine = await loadSchemaEngine();
  // One connection: a migration may begin a transaction in one statement and end it in another.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: 10_000 });
  pool.on('error', () => {}); // the same error rejects the running query, or the next one
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(adapterFactory(pool));
    using engine = await Engine.new({ datamodels: [['schema.prisma', await readSchema()]] }, () => {}, adapter);
    return await work(engine);
  } finally {
    await pool.end();
  }
}

/**
 * Returns the SQL that turns the result of the migrations into `schema`; '' if they agree. `shadowUrl`: an empty database in
 * which the migrations are replayed.
 */
export async function diffSchema(shadowUrl: string, schema: string): Promise<string> {
  const from = { tag: 'migrations' as const, ...(await readMigrations()) };
  const to = { tag: 'schemaDatamodel' as const, files: [{ path: 'schema.prisma', content: schema }] };
  const { stdout } = await withSchemaEngine(shadowUrl, (engine) =>
    engine.diff({ from, to, script: true, exitCode: null, filters: ALL_TABLES }),
  );
  const sql = stdout ?? '';
  return sql.trim() === '-- This is an empty migration.' ? '' : sql;
}

function adapterFactory(pool: pg.Pool): SqlMigrationAwareDriverAdapterFactory {
  const characters = passCharacters(pool);
  const factory = new PrismaPg(pool);
  const connect = async () => {
    const adapter = await factory.connect();
    // The adapter splits a script at every ';', also within strings and functions, and runs the pieces one by one. Sent as
    // a whole it is one transaction, as with the CLI: a migration that fails leaves nothing behind.
    adapter.executeScript = async (sql) => {
      await adapter.executeRaw({ sql, args: [], argTypes: [] });
    };
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (params) => {
      const result = await queryRaw(params);
      for (const column of characters) result.columnTypes[column] = ColumnTypeEnum.Character;
      return result;
    };
    return adapter;
  };
  // The caller provides the shadow database. The adapter would create one, and drop it while still connected to it.
  return { provider: factory.provider, adapterName: factory.adapterName, connect, connectToShadowDb: connect };
}

// adapter-pg 7.10 rejects the catalogue's type "char" (18 in pg_type.dat), which the engine reads to describe a database.
// The adapter gets text (25) instead, and the engine treats these columns of the last result as characters.
function passCharacters(pool: pg.Pool): Set<number> {
  const columns = new Set<number>();
  const query = pool.query.bind(pool);
  Object.assign(pool, {
    query: async (config: pg.QueryArrayConfig) => {
      const result = await query(config);
      columns.clear();
      result.fields?.forEach((field, column) => {
        if (field.dataTypeID !== 18) return;
        field.dataTypeID = 25;
        columns.add(column);
      });
      return result;
    },
  });
  return columns;
}

// Once per process and on demand: the glue module holds one instance, and loading takes about 20 ms.
let loading: Promise<typeof SchemaEngine> | undefined;

function loadSchemaEngine(): Promise<typeof SchemaEngine> {
  loading ??= instantiate();
  return loading;
}

// Loaded manually, because `import '@prisma/schema-engine-wasm'` prints Node's ExperimentalWarning on modules of WebAssembly.
async function instantiate(): Promise<typeof SchemaEngine> {
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  // Not import.meta.resolve: vitest has none.
  const glueFile = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(join(dirname(glueFile), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': withLooseTimers(glue) });
  glue.__wbg_set_wasm(instance.exports);
  const start = instance.exports.__wbindgen_start;
  if (typeof start === 'function') start();
  return glue.SchemaEngine;
}

// The engine never clears the 10 s timer of its lock timeout, which would keep the finished process alive. While it waits
// for a lock, the connection keeps the process alive, so the timeout still works.
function withLooseTimers(glue: object): object {
  const imports = Object.entries(glue).map(([name, value]) =>
    name.startsWith('__wbg_setTimeout_')
      ? [name, (done: () => void, milliseconds: number) => setTimeout(done, milliseconds).unref()]
      : [name, value],
  );
  return Object.fromEntries(imports);
}

/** Writes the migration that schema.prisma still needs, and returns its path; undefined if it needs none. */
async function writeMigration(name: string): Promise<string | undefined> {
  const dataDir = await mkdtemp(join(tmpdir(), 'shadow-'));
  const shadow = await startEmbeddedPostgres({ dataDir, durable: false });
  const sql = await diffSchema(shadow.url, await readSchema()).finally(async () => {
    await shadow.stop();
    await rm(dataDir, { recursive: true });
  });
  if (sql === '') return undefined;
  const folder = new URL(`./${new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)}_${name}/`, MIGRATIONS);
  await mkdir(folder);
  await writeFile(new URL('./migration.sql', folder), sql);
  return new URL('./migration.sql', folder).pathname;
}

if (import.meta.main) {
  const [name, ...rest] = process.argv.slice(2);
  if (name === undefined || rest.length > 0) throw new Error('usage: node local/schema-diff.ts NAME');
  process.stdout.write(`${(await writeMigration(name)) ?? 'schema.prisma and the migrations agree'}\n`);
}
