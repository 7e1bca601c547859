import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { query, useDataFolder } from './data-folder.ts';

const fixture = useDataFolder();

const userNamespaces = spawnSync('/usr/bin/unshare', ['--user', 'true']).status === 0;

// Only root has a choice of users to run PostgreSQL as.
describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('as root', () => {
  it.runIf(userNamespaces)('continues with the same data as nobody, and then in a user namespace', async () => {
    await fixture.fill();
    for (const userNamespace of [false, true]) {
      const postgres = await fixture.start({ userNamespace });
      await query(postgres, 'CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer');
      expect(await query(postgres, 'SELECT answer FROM kept')).toEqual([42]);
      expect((await stat(`/proc/${postgres.pid}`)).uid === 0).toBe(userNamespace);
      await postgres.stop();
    }
  });

  it('stores the data outside, and logs that, if nobody cannot enter the folder', async () => {
    await mkdir(fixture.dataDir, { mode: 0o700 });
    const first = await fixture.start({ userNamespace: false });
    await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const cluster = await realpath(join(fixture.dataDir, 'cluster'));
    expect(cluster.startsWith(join(fixture.parent, 'outside'))).toBe(true);
    expect(fixture.logged).toContain(`The user nobody cannot enter ${fixture.dataDir}. Storing the data in ${cluster}`);
    expect(await query(await fixture.start(), 'SELECT answer FROM kept')).toEqual([42]);
  });

  it('names the folder to move if nobody cannot enter the one with the data', async () => {
    await fixture.fill();
    await chmod(fixture.dataDir, 0o700);
    const moved = `cannot enter ${join(fixture.dataDir, 'cluster')}. Move that folder to ${join(fixture.parent, 'outside')}`;
    await expect(fixture.start({ userNamespace: false })).rejects.toThrow(moved);
  });

  it("does not take over an ordinary user's data", async () => {
    await fixture.fill();
    await chown(join(fixture.dataDir, 'cluster'), 12_345, 12_345);
    await expect(fixture.start()).rejects.toThrow(`${join(fixture.dataDir, 'cluster')} belongs to user 12345`);
  });
});
