import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { findTestProgram } from '#test/harness/system-packages.ts';

const PROGRAMS = '/usr/lib/postgresql/15/bin';

const server = await findTestProgram(
  { commands: ['pg_ctl'], aptPackage: 'postgresql-15' },
  { ...process.env, PATH: PROGRAMS },
);
const pgbackrest = await findTestProgram({ commands: ['pgbackrest'], aptPackage: 'pgbackrest' }, process.env);

/** Why these tests cannot run here. */
export const missing = 'missing' in server || 'missing' in pgbackrest;

export type DebianPostgres = {
  url: string;
  folder: string;
  data: string;
  /** Runs one of Debian's programs as the user of PostgreSQL. */
  run(program: string, ...args: string[]): Promise<string>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** Debian's PostgreSQL 15 with a database `alerts` and continuous archiving by pgbackrest, as docs/backup.md describes. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'debian-postgres-'));
  const user = await serverUser();
  if (user) await chown(folder, user.uid, user.gid);
  const port = await freePort();
  const data = join(folder, 'data');
  const run = async (program: string, ...args: string[]) => {
    const path = program === 'pgbackrest' && 'path' in pgbackrest ? pgbackrest.path : join(PROGRAMS, program);
    // Not the terminal's environment: PGPASSWORD and the like would change what the programs do.
    const options = { ...user, cwd: folder, env: { PATH: `${PROGRAMS}:/usr/bin:/bin`, LC_ALL: 'C' }, timeout: 300_000 };
    return (await promisify(execFile)(path, args, options)).stdout;
  };
  const start = async () =>
    void (await run('pg_ctl', '-D', data, '-l', join(folder, 'log.txt'), '-w', '-t', '240', 'start'));
  const stop = async () => void (await run('pg_ctl', '-D', data, '-m', 'fast', '-w', 'stop'));
  onTestFinished(async () => {
    await stop().catch(() => {}); // the test may have stopped it
    await rm(folder, { recursive: true, force: true });
  });
  await run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C');
  await configure(folder, { port, data });
  await start();
  const url = `postgres://postgres@127.0.0.1:${port}/alerts`;
  await createDatabase(url);
  return { url, folder, data, run, start, stop };
}

/** PostgreSQL does not run as root. */
async function serverUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat('/var/lib/postgresql');
  return { uid, gid };
}

async function configure(folder: string, { port, data }: { port: number; data: string }): Promise<void> {
  const config = join(folder, 'pgbackrest.conf');
  const paths = ['repo', 'log', 'lock', 'spool'].map((name) => join(folder, name));
  const { uid, gid } = await stat(data);
  for (const path of paths) {
    await mkdir(path);
    await chown(path, uid, gid);
  }
  const [repo, log, lock, spool] = paths;
  const global = [`repo1-path=${repo}`, `log-path=${log}`, `lock-path=${lock}`, `spool-path=${spool}`, 'start-fast=y'];
  const stanza = [`pg1-path=${data}`, `pg1-port=${port}`, `pg1-socket-path=${folder}`, 'pg1-user=postgres'];
  await writeFile(config, `${['[global]', ...global, '[alerts]', ...stanza].join('\n')}\n`, { mode: 0o644 });
  const archive = `pgbackrest --config=${config} --stanza=alerts archive-push %p`;
  const settings = [`port = ${port}`, "listen_addresses = '127.0.0.1'", `unix_socket_directories = '${folder}'`];
  settings.push('archive_mode = on', `archive_command = '${archive}'`, 'shared_buffers = 32MB');
  await appendFile(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`);
}

async function createDatabase(url: string): Promise<void> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  await client.query('CREATE DATABASE alerts').finally(() => client.end());
}
