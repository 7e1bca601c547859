import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { processInfo } from '../process-info.ts';
import { ask, useDataFolder } from './data-folder.ts';

const world = useDataFolder();

it('keeps its data over a stop and a start, and leaves no process and no lock file', async () => {
  const first = await world.start();
  await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  expect(await processInfo(first.pid)).toBeUndefined();
  expect((await readdir(world.dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log']);
  expect(await readdir(join(world.dataDir, 'cluster'))).not.toContain('postmaster.pid');
  expect(await ask(await world.start(), 'SELECT answer FROM kept')).toEqual([42]);
  expect(world.told.filter((line) => line === 'making a new database (once)')).toHaveLength(1);
});

it('serves the database alerts on 127.0.0.1 only, in UTF-8, UTC and the C locale, durably', async () => {
  await world.fill();
  const postgres = await world.start({ durable: true });
  expect(new URL(postgres.url).hostname).toBe('127.0.0.1');
  const asked = `SELECT current_database(), current_setting('listen_addresses'), current_setting('unix_socket_directories'),
    current_setting('timezone'), current_setting('server_encoding'), datcollate, current_setting('fsync')
    FROM pg_database WHERE datname = current_database()`;
  expect(await ask(postgres, asked)).toEqual(['alerts', '127.0.0.1', '', 'UTC', 'UTF8', 'C', 'on']);
});

it('asks for a password that only its owner can read, and that no command line shows', async () => {
  await world.fill();
  const postgres = await world.start();
  const password = await readFile(join(world.dataDir, 'password'), 'utf8');
  expect((await stat(join(world.dataDir, 'password'))).mode & 0o777).toBe(0o600);
  expect(new URL(postgres.url).password).toBe(password);
  expect((await processInfo(postgres.pid))?.command).toContain('postgres -D');
  expect((await processInfo(postgres.pid))?.command).not.toContain(password);
  const url = new URL(postgres.url);
  url.password = 'guessed';
  await expect(ask({ url: url.href }, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

it('may be stopped twice, and with sessions open', async () => {
  await world.fill();
  const postgres = await world.start();
  const client = new pg.Client({ connectionString: postgres.url });
  const cut = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await Promise.all([postgres.stop(), postgres.stop()]);
  await postgres.stop();
  expect(await cut).toBeInstanceOf(Error);
  expect(await processInfo(postgres.pid)).toBeUndefined();
});

it('tells when PostgreSQL ends by itself, and gives the folder back', async () => {
  await world.fill();
  const ended = Promise.withResolvers<Error>();
  const postgres = await world.start({ onExit: ended.resolve });
  process.kill(postgres.pid, 'SIGQUIT');
  expect((await ended.promise).message).toMatch(/^PostgreSQL ended by itself .*postgres\.log$/);
  await postgres.stop();
  expect(await ask(await world.start(), 'SELECT 1')).toEqual([1]);
});

it('does not call an asked-for stop an end by itself', async () => {
  await world.fill();
  const ends: Error[] = [];
  const postgres = await world.start({ onExit: (error) => ends.push(error) });
  await postgres.stop();
  expect(ends).toEqual([]);
});

it.runIf(process.platform === 'linux')(
  'is out of reach of Ctrl-C in the terminal: a process group of its own',
  async () => {
    await world.fill();
    const { pid } = await world.start();
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
    expect(fields[4]).toBe(String(pid)); // proc(5): pgrp
  },
);

it('shows the last lines of the log when it fails, and gives the folder back', async () => {
  await world.fill();
  await appendFile(join(world.dataDir, 'cluster/postgresql.conf'), 'no_such_setting = on\n');
  await expect(world.start()).rejects.toThrow(/^PostgreSQL did not start [\s\S]*unrecognized configuration parameter/);
  expect(await readdir(world.dataDir)).not.toContain('starter.pid');
});
