import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded.ts';
import { processInfo } from '../process-info.ts';

let parent: string;
let dataDir: string;
const running: EmbeddedPostgres[] = [];
let told: string[] = [];

beforeEach(async () => {
  parent = await realpath(await mkdtemp(join(tmpdir(), 'alerts-embedded-')));
  await chmod(parent, 0o755);
  dataDir = join(parent, 'postgres');
  told = [];
});

afterEach(async () => {
  for (const postgres of running.splice(0)) await postgres.stop();
  await rm(parent, { recursive: true });
});

async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const outside = join(parent, 'outside');
  const log = (line: string) => told.push(line);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false, outside, log, ...options });
  running.push(postgres);
  return postgres;
}

async function ask(postgres: Pick<EmbeddedPostgres, 'url'>, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  return (await client.query({ text: sql, rowMode: 'array' }).finally(() => client.end())).rows.flat();
}

it('keeps its data over a stop and a start, and leaves no process and no lock file', async () => {
  const first = await start();
  await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  expect(await processInfo(first.pid)).toBeUndefined();
  expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log']);
  expect(await readdir(join(dataDir, 'cluster'))).not.toContain('postmaster.pid');
  const second = await start();
  expect(await ask(second, 'SELECT answer FROM kept')).toEqual([42]);
  expect(told).toEqual(['making a new database (once)']);
});

it('serves the database alerts on 127.0.0.1 only, in UTF-8, UTC and the C locale', async () => {
  const postgres = await start({ durable: true });
  expect(new URL(postgres.url).hostname).toBe('127.0.0.1');
  const asked = `SELECT current_database(), current_setting('listen_addresses'), current_setting('unix_socket_directories'),
    current_setting('timezone'), current_setting('server_encoding'), datcollate, current_setting('fsync')
    FROM pg_database WHERE datname = current_database()`;
  expect(await ask(postgres, asked)).toEqual(['alerts', '127.0.0.1', '', 'UTC', 'UTF8', 'C', 'on']);
});

it('asks for a password that only its owner can read, and that no command line shows', async () => {
  const postgres = await start();
  const password = await readFile(join(dataDir, 'password'), 'utf8');
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  expect(new URL(postgres.url).password).toBe(password);
  expect((await processInfo(postgres.pid))?.command).toContain('postgres -D');
  expect((await processInfo(postgres.pid))?.command).not.toContain(password);
  const url = new URL(postgres.url);
  url.password = 'guessed';
  await expect(ask({ url: url.href }, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

it('may be stopped twice, and with sessions open', async () => {
  const postgres = await start();
  const client = new pg.Client({ connectionString: postgres.url });
  const cut = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await Promise.all([postgres.stop(), postgres.stop()]);
  await postgres.stop();
  expect(await cut).toBeInstanceOf(Error);
  expect(await processInfo(postgres.pid)).toBeUndefined();
});

it('tells when PostgreSQL ends by itself, and gives the folder back', async () => {
  const ended = Promise.withResolvers<Error>();
  const postgres = await start({ onExit: ended.resolve });
  process.kill(postgres.pid, 'SIGQUIT');
  expect((await ended.promise).message).toMatch(/^PostgreSQL ended by itself .*postgres\.log$/);
  await postgres.stop();
  expect(await ask(await start(), 'SELECT 1')).toEqual([1]);
});

it('does not call an asked-for stop an end by itself', async () => {
  const ends: Error[] = [];
  const postgres = await start({ onExit: (error) => ends.push(error) });
  await postgres.stop();
  expect(ends).toEqual([]);
});

describe.runIf(process.platform === 'linux')('Ctrl-C', () => {
  it('does not reach PostgreSQL: it has a process group of its own', async () => {
    const { pid } = await start();
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
    expect(fields[4]).toBe(String(pid)); // proc(5): pgrp
  });
});

it('refuses a folder in use, with the pid, and leaves its user alone', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(`The data folder ${dataDir} is in use by process ${process.pid}`);
  expect(await ask(first, 'SELECT 1')).toEqual([1]);
});

it('refuses a folder on which somebody else runs PostgreSQL, with the pid', async () => {
  const first = await start();
  await rm(join(dataDir, 'starter.pid'));
  await expect(start()).rejects.toThrow(`is in use by PostgreSQL process ${first.pid}`);
  expect(await ask(first, 'SELECT 1')).toEqual([1]);
});

it('stops what a killed starter left behind, and goes on with its data', async () => {
  const starter = spawn(process.execPath, [join(import.meta.dirname, 'starter.ts'), dataDir], { stdio: 'pipe' });
  const [line] = await once(starter.stdout, 'data');
  const orphan: EmbeddedPostgres = JSON.parse(String(line));
  await ask(orphan, 'CREATE TABLE kept AS SELECT 42 AS answer');
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  expect(await processInfo(orphan.pid)).toBeDefined();
  const postgres = await start();
  expect(await processInfo(orphan.pid)).toBeUndefined();
  expect(told).toEqual([`stopping PostgreSQL (process ${orphan.pid}), left behind by a start that was killed`]);
  expect(await ask(postgres, 'SELECT answer FROM kept')).toEqual([42]);
});

it('starts after a power cut, though another process has the old pid by now', async () => {
  const first = await start();
  const pidFile = await readFile(join(dataDir, 'cluster/postmaster.pid'), 'utf8');
  await first.stop();
  const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' });
  await writeFile(join(dataDir, 'cluster/postmaster.pid'), pidFile.replace(/^\d+/, String(other.pid)), { mode: 0o600 });
  await writeFile(join(dataDir, 'starter.pid'), `${other.pid}\nlong ago\n`);
  expect(await ask(await start(), 'SELECT 1')).toEqual([1]);
  expect(other.exitCode).toBeNull();
  other.stdin.end();
  await once(other, 'exit');
});

it('a lock file that says nothing stops nobody', async () => {
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'starter.pid'), '');
  expect(await ask(await start(), 'SELECT 1')).toEqual([1]);
});

it('begins anew what an interrupted first start has left half-done', async () => {
  await mkdir(join(dataDir, 'cluster.partial/base'), { recursive: true });
  await writeFile(join(dataDir, 'cluster.partial/PG_VERSION'), '18\n');
  expect(await ask(await start(), 'SELECT 1')).toEqual([1]);
  expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log', 'starter.pid']);
});

it.each([
  ['lacks PG_VERSION', 'cluster/PG_VERSION', undefined, 'cluster is half-written (it lacks PG_VERSION)'],
  ['lacks pg_control', 'cluster/global/pg_control', undefined, 'cluster is half-written (it lacks global/pg_control)'],
  ['is of another version', 'cluster/PG_VERSION', '17\n', 'cluster was written by PostgreSQL 17, and this is 18'],
  ['lacks the password', 'password', undefined, 'lacks its file password'],
])('a data folder that %s is named, and not touched', async (_, file, content, sentence) => {
  await (await start()).stop();
  await rm(join(dataDir, file));
  if (content) await writeFile(join(dataDir, file), content);
  const before = await readdir(dataDir, { recursive: true });
  await expect(start()).rejects.toThrow(sentence);
  await expect(start()).rejects.toThrow(dataDir);
  expect(await readdir(dataDir, { recursive: true })).toEqual(before);
});

it("another program's PostgreSQL folder is refused", async () => {
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'PG_VERSION'), '18\n');
  await expect(start()).rejects.toThrow(`The data folder ${dataDir} is another program's PostgreSQL`);
  expect(await readdir(dataDir)).toEqual(['PG_VERSION']);
});

it('a path that cannot be a folder gets a sentence', async () => {
  await writeFile(dataDir, '');
  await expect(start()).rejects.toThrow(`The data folder ${dataDir} cannot be used`);
});

it('a start that fails shows the last lines of the log, and gives the folder back', async () => {
  await (await start()).stop();
  await appendFile(join(dataDir, 'cluster/postgresql.conf'), 'no_such_setting = on\n');
  await expect(start()).rejects.toThrow(/^PostgreSQL did not start [\s\S]*unrecognized configuration parameter/);
  expect(await readdir(dataDir)).not.toContain('starter.pid');
});

// Only root has a choice of users to run PostgreSQL as.
describe.runIf(process.getuid?.() === 0)('as root', () => {
  it('goes on with the same data in a user namespace, as nobody, and in a user namespace again', async () => {
    const first = await start();
    await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    for (const userNamespace of [false, true]) {
      const postgres = await start({ userNamespace });
      expect(await ask(postgres, 'SELECT answer FROM kept')).toEqual([42]);
      const { uid } = await stat(join(dataDir, 'cluster'));
      expect(uid === 0).toBe(userNamespace);
      await postgres.stop();
    }
  });

  it('keeps the data outside, and says so, when nobody cannot enter the folder', async () => {
    await mkdir(dataDir, { mode: 0o700 });
    const first = await start({ userNamespace: false });
    await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const place = await realpath(join(dataDir, 'cluster'));
    expect(place.startsWith(join(parent, 'outside'))).toBe(true);
    expect(told[0]).toBe(`nobody cannot enter ${dataDir}: the data goes to ${place}`);
    expect(await ask(await start(), 'SELECT answer FROM kept')).toEqual([42]);
  });

  it('names the folder to move when nobody cannot enter the one with the data', async () => {
    await (await start()).stop();
    await chmod(dataDir, 0o700);
    await expect(start({ userNamespace: false })).rejects.toThrow(`cannot enter ${join(dataDir, 'cluster')}`);
  });
});
