import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { processInfo } from '../process-info.ts';
import { query, useDataFolder } from './data-folder.ts';

const fixture = useDataFolder();

it('keeps its data after a stop and a start, and leaves no process and no lock file', async () => {
  const first = await fixture.start();
  await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  expect(await processInfo(first.pid)).toBeUndefined();
  expect((await readdir(fixture.dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log']);
  expect(await readdir(join(fixture.dataDir, 'cluster'))).not.toContain('postmaster.pid');
  expect(await query(await fixture.start(), 'SELECT answer FROM kept')).toEqual([42]);
  expect(fixture.logged.filter((line) => line === 'Creating the database (first start only)')).toHaveLength(1);
});

it('serves the database alerts on 127.0.0.1 only, in UTF-8, UTC and the C locale, durably', async () => {
  await fixture.fill();
  const postgres = await fixture.start({ durable: true });
  expect(new URL(postgres.url).hostname).toBe('127.0.0.1');
  const settings = `SELECT current_database(), current_setting('listen_addresses'), current_setting('unix_socket_directories'),
    current_setting('timezone'), current_setting('server_encoding'), datcollate, current_setting('fsync')
    FROM pg_database WHERE datname = current_database()`;
  expect(await query(postgres, settings)).toEqual(['alerts', '127.0.0.1', '', 'UTC', 'UTF8', 'C', 'on']);
});

it('requires a password that only its owner can read, and that no command line shows', async () => {
  await fixture.fill();
  const postgres = await fixture.start();
  const password = await readFile(join(fixture.dataDir, 'password'), 'utf8');
  expect((await stat(join(fixture.dataDir, 'password'))).mode & 0o777).toBe(0o600);
  expect(new URL(postgres.url).password).toBe(password);
  expect((await processInfo(postgres.pid))?.command).toContain('postgres -D');
  expect((await processInfo(postgres.pid))?.command).not.toContain(password);
  const url = new URL(postgres.url);
  url.password = 'guessed';
  await expect(query({ url: url.href }, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

it('can be stopped twice, and with open sessions', async () => {
  await fixture.fill();
  const postgres = await fixture.start();
  const client = new pg.Client({ connectionString: postgres.url });
  const cut = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await Promise.all([postgres.stop(), postgres.stop()]);
  await postgres.stop();
  expect(await cut).toBeInstanceOf(Error);
  expect(await processInfo(postgres.pid)).toBeUndefined();
});

it('reports that PostgreSQL ended unexpectedly, and releases the folder', async () => {
  await fixture.fill();
  const ended = Promise.withResolvers<Error>();
  const postgres = await fixture.start({ onExit: ended.resolve });
  process.kill(postgres.pid, 'SIGQUIT');
  expect((await ended.promise).message).toMatch(/^PostgreSQL ended unexpectedly .*postgres\.log$/);
  await postgres.stop();
  expect(await query(await fixture.start(), 'SELECT 1')).toEqual([1]);
});

it('does not report a requested stop', async () => {
  await fixture.fill();
  const ends: Error[] = [];
  const postgres = await fixture.start({ onExit: (error) => ends.push(error) });
  await postgres.stop();
  expect(ends).toEqual([]);
});

it.runIf(process.platform === 'linux')(
  'has its own process group, so that Ctrl-C in the terminal does not reach it',
  async () => {
    await fixture.fill();
    const { pid } = await fixture.start();
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
    expect(fields[4]).toBe(String(pid)); // proc(5): pgrp
  },
);

it('shows the last lines of the log if it fails, and releases the folder', async () => {
  await fixture.fill();
  await appendFile(join(fixture.dataDir, 'cluster/postgresql.conf'), 'no_such_setting = on\n');
  await expect(fixture.start()).rejects.toThrow(
    /^PostgreSQL did not start [\s\S]*unrecognized configuration parameter/,
  );
  expect(await readdir(fixture.dataDir)).not.toContain('starter.pid');
});
