import { execFile, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { hostsOf } from '#config/database-url.ts';

type Program = { path: string; major: number };

export type ProgramSearch = {
  /** Of pg_dump; pg_restore is next to it. */
  PG_DUMP_PATH?: string | undefined;
  /** Folders. */
  PATH?: string | undefined;
};

/** Debian installs each version in a folder of its own. */
const VERSIONED = '/usr/lib/postgresql';

/**
 * Returns the oldest pg_dump, or pg_restore, that is at least of this major version: an older one refuses the server, or
 * cannot read the file; a newer one may write what an older server does not know. Throws one sentence if there is none.
 */
export async function findPgProgram(
  name: 'pg_dump' | 'pg_restore',
  major: number,
  search: ProgramSearch,
): Promise<Program> {
  const { PG_DUMP_PATH, PATH = '' } = search;
  const versioned = (await readdir(VERSIONED).catch(() => [])).map((version) => join(VERSIONED, version, 'bin'));
  const folders = PG_DUMP_PATH ? [dirname(PG_DUMP_PATH)] : [...PATH.split(delimiter).filter(Boolean), ...versioned];
  const found = (await Promise.all(folders.map((folder) => readVersion(join(folder, name))))).filter(
    (each) => each !== undefined,
  );
  const [best] = found.filter((each) => each.major >= major).sort((a, b) => a.major - b.major);
  if (best) return best;
  const others =
    found.length > 0 ? `found ${found.map((each) => `${each.path} ${each.major}`).join(', ')}` : 'found none';
  const setting = PG_DUMP_PATH ? ' PG_DUMP_PATH names an unsuitable program.' : '';
  throw new Error(
    `${name} ${major} or newer is needed, and this machine has no such program (${others}).${setting} Install the package postgresql-client-${major}, or set PG_DUMP_PATH`,
  );
}

async function readVersion(path: string): Promise<Program | undefined> {
  const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 }).catch(() => ({ stdout: '' }));
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
  return major === undefined ? undefined : { path, major: Number(major) };
}

/** Dumps the database as the snapshot shows it, without the queue. The password is not among the arguments. */
export async function dumpDatabase(
  program: Program,
  options: { url: string; snapshot: string; file: string },
): Promise<void> {
  const { url, snapshot, file } = options;
  // The queue is rebuilt from the rows. Migrations are in the manifest, and written last by a restore.
  const excluded = ['--exclude-schema=bullmq', '--exclude-schema=limits', '--exclude-table=public._prisma_migrations'];
  const args = [
    '--format=custom',
    `--snapshot=${snapshot}`,
    ...excluded,
    '--no-owner',
    '--no-password',
    `--file=${file}`,
  ];
  await run(program, args, connectionEnvironment(url)).done;
}

/** Returns the rows of a table of a dump, in the text format of COPY. */
export async function* readDumpedTable(program: Program, file: string, table: string): AsyncGenerator<Buffer> {
  const args = ['--data-only', '--schema=public', `--table=${table}`, '--file=-', file];
  const { stdout, done } = run(program, args, {});
  yield* copyData(stdout);
  await done;
}

/** Returns the lines of a script between `COPY … FROM stdin;` and `\.`. */
async function* copyData(script: Readable): AsyncGenerator<Buffer> {
  let carry: Buffer = Buffer.alloc(0);
  let state: 'before' | 'data' | 'after' = 'before';
  // The line feed before the first row is kept until the end is known: a table without rows ends right after it.
  let skip = 1;
  for await (const chunk of script) {
    if (state === 'after') continue;
    carry = Buffer.concat([carry, chunk]);
    if (state === 'before') {
      const header = /^COPY .* FROM stdin;\n/m.exec(carry.toString('latin1'));
      if (!header) continue;
      carry = carry.subarray(header.index + header[0].length - 1);
      state = 'data';
    }
    const end = carry.indexOf('\n\\.\n');
    const safe = end >= 0 ? end + 1 : carry.length - 4;
    if (safe <= skip && end < 0) continue;
    yield carry.subarray(skip, safe);
    skip = 0;
    carry = carry.subarray(safe);
    if (end >= 0) state = 'after';
  }
}

function run(program: Program, args: string[], env: Record<string, string>): { stdout: Readable; done: Promise<void> } {
  const child = spawn(program.path, args, { env: { ...env, LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-2_000);
  });
  const done = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program.path} failed (${signal ?? `exit code ${code}`}): ${errors.trim()}`));
    });
  });
  done.catch(() => {}); // the caller may still be reading
  if (!args.includes('--file=-')) child.stdout.resume();
  return { stdout: child.stdout, done };
}

/** Returns libpq's variables for a URL. With several hosts, it connects to the primary. */
function connectionEnvironment(text: string): Record<string, string> {
  const url = new URL(text);
  const hosts = hostsOf(text);
  const given = {
    PGHOST: url.searchParams.get('host') ?? hosts.map(({ host }) => host).join(','),
    PGPORT: hosts.map(({ port }) => port).join(','),
    PGTARGETSESSIONATTRS: hosts.length > 1 ? 'read-write' : '',
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
    PGSSLMODE: url.searchParams.get('sslmode') ?? '',
    PGSSLROOTCERT: url.searchParams.get('sslrootcert') ?? '',
    PGCONNECT_TIMEOUT: '10',
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
}
