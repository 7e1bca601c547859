import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { MEMORY, removeAbandoned } from '#test/harness/postgres-setup.ts';
import { startProcess, waitUntilReady } from '#test/harness/process.ts';
import type { EmbeddedPostgres } from '../embedded.ts';
import { processInfo } from '../process-info.ts';
import { query, useDataFolder } from './data-folder.ts';

const fixture = useDataFolder();

it('rejects a folder in use, names the process, and does not disturb it', async () => {
  await fixture.fill();
  const first = await fixture.start();
  await expect(fixture.start()).rejects.toThrow(
    `The data folder ${fixture.dataDir} is in use by process ${process.pid}`,
  );
  expect(await query(first, 'SELECT 1')).toEqual([1]);
});

it('rejects a folder on which another program runs PostgreSQL, and names the process', async () => {
  await fixture.fill();
  const first = await fixture.start();
  await rm(join(fixture.dataDir, 'starter.pid'));
  await expect(fixture.start()).rejects.toThrow(`is in use by PostgreSQL process ${first.pid}`);
  expect(await query(first, 'SELECT 1')).toEqual([1]);
});

/** Starts a PostgreSQL on `folder` and kills the process that started it. */
async function leaveOrphan(folder: string): Promise<EmbeddedPostgres> {
  const starter = startProcess({
    name: 'starter',
    entry: 'local/postgres/test/starter.ts',
    args: [folder],
    readyLine: /^\{/,
  });
  await waitUntilReady(starter);
  await starter.kill();
  return JSON.parse(starter.lines[0] ?? '');
}

it('stops a PostgreSQL that a killed start left behind, and continues with its data', async () => {
  await fixture.fill();
  const orphan = await leaveOrphan(fixture.dataDir);
  await query(orphan, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const postgres = await fixture.start();
  expect(await processInfo(orphan.pid)).toBeUndefined();
  expect(fixture.logged).toContain(`Stopping PostgreSQL (process ${orphan.pid}), which a killed start left behind`);
  expect(await query(postgres, 'SELECT answer FROM kept')).toEqual([42]);
});

const parents = [tmpdir(), MEMORY].filter((folder) => existsSync(folder));

it.each(parents)('a test run removes what a killed one left behind in %s, and nothing else', async (parent) => {
  const abandoned = await mkdtemp(join(parent, 'alerts-test-'));
  await chmod(abandoned, 0o755);
  const orphan = await leaveOrphan(abandoned);
  await removeAbandoned();
  expect(await processInfo(orphan.pid)).toBeUndefined();
  await expect(stat(abandoned)).rejects.toThrow('ENOENT');
  expect(await query({ url: inject('postgresUrl') }, 'SELECT 1')).toEqual([1]);
});

it('starts after a power cut although another process has the old pid', async () => {
  await fixture.fill();
  const first = await fixture.start();
  const pidFile = await readFile(join(fixture.dataDir, 'cluster/postmaster.pid'), 'utf8');
  await first.stop();
  const other = startProcess({ name: 'other', file: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] });
  const stale = pidFile.replace(/^\d+/, String(other.pid));
  await writeFile(join(fixture.dataDir, 'cluster/postmaster.pid'), stale, { mode: 0o600 });
  await writeFile(join(fixture.dataDir, 'starter.pid'), `${other.pid}\nlong ago\n`);
  try {
    expect(await query(await fixture.start(), 'SELECT 1')).toEqual([1]);
    expect(other.running).toBe(true);
  } finally {
    await other.kill();
  }
});

it('ignores an empty lock file', async () => {
  await fixture.fill();
  await writeFile(join(fixture.dataDir, 'starter.pid'), '');
  expect(await query(await fixture.start(), 'SELECT 1')).toEqual([1]);
});

it('starts over after an interrupted first start', async () => {
  await mkdir(join(fixture.dataDir, 'cluster.partial/base'), { recursive: true });
  await writeFile(join(fixture.dataDir, 'cluster.partial/PG_VERSION'), '18\n');
  expect(await query(await fixture.start(), 'SELECT 1')).toEqual([1]);
  expect((await readdir(fixture.dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log', 'starter.pid']);
});

it.each([
  ['lacks PG_VERSION', 'cluster/PG_VERSION', undefined, 'cluster is incomplete (PG_VERSION is missing)'],
  ['lacks pg_control', 'cluster/global/pg_control', undefined, 'cluster is incomplete (global/pg_control is missing)'],
  [
    'is of another version',
    'cluster/PG_VERSION',
    '17\n',
    'cluster was written by PostgreSQL 17, and this is PostgreSQL 18',
  ],
  ['lacks the password', 'password', undefined, 'The file password is missing in the data folder'],
])('names a data folder that %s, and does not change it', async (_, file, content, sentence) => {
  await fixture.fill();
  await rm(join(fixture.dataDir, file));
  if (content) await writeFile(join(fixture.dataDir, file), content);
  const before = await readdir(fixture.dataDir, { recursive: true });
  await expect(fixture.start()).rejects.toThrow(sentence);
  await expect(fixture.start()).rejects.toThrow(fixture.dataDir);
  expect(await readdir(fixture.dataDir, { recursive: true })).toEqual(before);
});

it("rejects another program's PostgreSQL folder", async () => {
  await mkdir(fixture.dataDir);
  await writeFile(join(fixture.dataDir, 'PG_VERSION'), '18\n');
  await expect(fixture.start()).rejects.toThrow(
    `The data folder ${fixture.dataDir} contains another program's PostgreSQL`,
  );
  expect(await readdir(fixture.dataDir)).toEqual(['PG_VERSION']);
});

it('rejects a path that cannot be a folder with one sentence', async () => {
  await writeFile(fixture.dataDir, '');
  await expect(fixture.start()).rejects.toThrow(`The data folder ${fixture.dataDir} cannot be used`);
});
