import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { removeAbandoned } from '#test/harness/postgres-setup.ts';
import type { EmbeddedPostgres } from '../embedded.ts';
import { processInfo } from '../process-info.ts';
import { ask, useDataFolder } from './data-folder.ts';

const world = useDataFolder();

it('refuses a folder in use, with the pid, and leaves its user alone', async () => {
  await world.fill();
  const first = await world.start();
  await expect(world.start()).rejects.toThrow(`The data folder ${world.dataDir} is in use by process ${process.pid}`);
  expect(await ask(first, 'SELECT 1')).toEqual([1]);
});

it('refuses a folder on which somebody else runs PostgreSQL, with the pid', async () => {
  await world.fill();
  const first = await world.start();
  await rm(join(world.dataDir, 'starter.pid'));
  await expect(world.start()).rejects.toThrow(`is in use by PostgreSQL process ${first.pid}`);
  expect(await ask(first, 'SELECT 1')).toEqual([1]);
});

/** A PostgreSQL on `folder` whose starter was killed. */
async function leaveOrphan(folder: string): Promise<EmbeddedPostgres> {
  const program = join(import.meta.dirname, 'starter.ts');
  const starter = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(starter.stdout, 'data');
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  return JSON.parse(String(line));
}

it('stops what a killed starter left behind, and goes on with its data', async () => {
  await world.fill();
  const orphan = await leaveOrphan(world.dataDir);
  await ask(orphan, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const postgres = await world.start();
  expect(await processInfo(orphan.pid)).toBeUndefined();
  expect(world.told).toContain(`stopping PostgreSQL (process ${orphan.pid}), left behind by a start that was killed`);
  expect(await ask(postgres, 'SELECT answer FROM kept')).toEqual([42]);
});

it('a test run clears away what a killed one left behind, and nothing else', async () => {
  const abandoned = await mkdtemp(join(tmpdir(), 'alerts-test-'));
  await chmod(abandoned, 0o755);
  const orphan = await leaveOrphan(abandoned);
  await removeAbandoned();
  expect(await processInfo(orphan.pid)).toBeUndefined();
  await expect(stat(abandoned)).rejects.toThrow('ENOENT');
  expect(await ask({ url: inject('postgresUrl') }, 'SELECT 1')).toEqual([1]);
});

it('starts after a power cut, though another process has the old pid by now', async () => {
  await world.fill();
  const first = await world.start();
  const pidFile = await readFile(join(world.dataDir, 'cluster/postmaster.pid'), 'utf8');
  await first.stop();
  const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' });
  const stale = pidFile.replace(/^\d+/, String(other.pid));
  await writeFile(join(world.dataDir, 'cluster/postmaster.pid'), stale, { mode: 0o600 });
  await writeFile(join(world.dataDir, 'starter.pid'), `${other.pid}\nlong ago\n`);
  try {
    expect(await ask(await world.start(), 'SELECT 1')).toEqual([1]);
    expect(other.exitCode).toBeNull();
  } finally {
    other.stdin.end();
    await once(other, 'exit');
  }
});

it('a lock file that says nothing stops nobody', async () => {
  await world.fill();
  await writeFile(join(world.dataDir, 'starter.pid'), '');
  expect(await ask(await world.start(), 'SELECT 1')).toEqual([1]);
});

it('begins anew what an interrupted first start has left half-done', async () => {
  await mkdir(join(world.dataDir, 'cluster.partial/base'), { recursive: true });
  await writeFile(join(world.dataDir, 'cluster.partial/PG_VERSION'), '18\n');
  expect(await ask(await world.start(), 'SELECT 1')).toEqual([1]);
  expect((await readdir(world.dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log', 'starter.pid']);
});

it.each([
  ['lacks PG_VERSION', 'cluster/PG_VERSION', undefined, 'cluster is half-written (it lacks PG_VERSION)'],
  ['lacks pg_control', 'cluster/global/pg_control', undefined, 'cluster is half-written (it lacks global/pg_control)'],
  ['is of another version', 'cluster/PG_VERSION', '17\n', 'cluster was written by PostgreSQL 17, and this is 18'],
  ['lacks the password', 'password', undefined, 'lacks its file password'],
])('a data folder that %s is named, and not touched', async (_, file, content, sentence) => {
  await world.fill();
  await rm(join(world.dataDir, file));
  if (content) await writeFile(join(world.dataDir, file), content);
  const before = await readdir(world.dataDir, { recursive: true });
  await expect(world.start()).rejects.toThrow(sentence);
  await expect(world.start()).rejects.toThrow(world.dataDir);
  expect(await readdir(world.dataDir, { recursive: true })).toEqual(before);
});

it("another program's PostgreSQL folder is refused", async () => {
  await mkdir(world.dataDir);
  await writeFile(join(world.dataDir, 'PG_VERSION'), '18\n');
  await expect(world.start()).rejects.toThrow(`The data folder ${world.dataDir} is another program's PostgreSQL`);
  expect(await readdir(world.dataDir)).toEqual(['PG_VERSION']);
});

it('a path that cannot be a folder gets a sentence', async () => {
  await writeFile(world.dataDir, '');
  await expect(world.start()).rejects.toThrow(`The data folder ${world.dataDir} cannot be used`);
});

const userNamespaces = spawnSync('/usr/bin/unshare', ['--user', 'true']).status === 0;

// Only root has a choice of users to run PostgreSQL as.
describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('as root', () => {
  it.runIf(userNamespaces)('goes on with the same data as nobody, and in a user namespace again', async () => {
    await world.fill();
    for (const userNamespace of [false, true]) {
      const postgres = await world.start({ userNamespace });
      await ask(postgres, 'CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer');
      expect(await ask(postgres, 'SELECT answer FROM kept')).toEqual([42]);
      expect((await stat(`/proc/${postgres.pid}`)).uid === 0).toBe(userNamespace);
      await postgres.stop();
    }
  });

  it('keeps the data outside, and says so, when nobody cannot enter the folder', async () => {
    await mkdir(world.dataDir, { mode: 0o700 });
    const first = await world.start({ userNamespace: false });
    await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const place = await realpath(join(world.dataDir, 'cluster'));
    expect(place.startsWith(join(world.parent, 'outside'))).toBe(true);
    expect(world.told).toContain(`nobody cannot enter ${world.dataDir}: the data goes to ${place}`);
    expect(await ask(await world.start(), 'SELECT answer FROM kept')).toEqual([42]);
  });

  it('names the folder to move when nobody cannot enter the one with the data', async () => {
    await world.fill();
    await chmod(world.dataDir, 0o700);
    const moved = `cannot enter ${join(world.dataDir, 'cluster')}: move that folder to ${join(world.parent, 'outside')}`;
    await expect(world.start({ userNamespace: false })).rejects.toThrow(moved);
  });

  it("does not take over an ordinary user's data", async () => {
    await world.fill();
    await chown(join(world.dataDir, 'cluster'), 12_345, 12_345);
    await expect(world.start()).rejects.toThrow(`${join(world.dataDir, 'cluster')} belongs to user 12345`);
  });
});
