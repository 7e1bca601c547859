import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { verifyFiles } from '../files.ts';
import { readManifest } from '../manifest.ts';
import { fill, openTestPlace, query, restoreInto, temporaryFolder, testDatabase } from './fixture.ts';

const KILLS = 15;

/** Runs a command and kills it at a random time; in one of three runs it may end by itself. */
async function runAndKill(entry: string, args: string[], databaseUrl: string, longestMs: number): Promise<void> {
  const path = join(import.meta.dirname, '..', entry);
  const child = spawn(process.execPath, [path, ...args], { env: { DATABASE_URL: databaseUrl }, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await Promise.race([sleep(Math.random() * longestMs), ended]);
  child.kill('SIGKILL');
  await ended;
}

async function measure(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

it('leaves complete backups only, and a database that is empty or complete, whenever it is killed', async () => {
  const url = await testDatabase();
  await fill(url);
  const folder = await temporaryFolder();
  const place = openTestPlace(folder);
  const args = ['--to', folder, '--keep', 'all'];
  const backupMs = await measure(() => runAndKill('backup-cli.ts', args, url, 600_000));
  for (let kill = 0; kill < KILLS; kill++) await runAndKill('backup-cli.ts', args, url, backupMs * 1.3);
  const names = await place.list();
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) await verifyFiles(join(folder, name), await readManifest(join(folder, name)));

  const target = await testDatabase({ empty: true });
  let restoreMs = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const database = kill === 0 ? await testDatabase({ empty: true }) : target;
    const longest = kill === 0 ? 600_000 : restoreMs;
    const took = await measure(() => runAndKill('restore-cli.ts', ['--from', folder], database, longest));
    if (kill === 0) restoreMs = took;
    // The server notices the end of the connection a moment later.
    const others =
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
    await expect.poll(() => query(database, others), { timeout: 150_000 }).toEqual([{ n: 0 }]);
    const tables = await query(database, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    if (tables.length === 0) continue;
    expect(await query(database, 'SELECT count(*)::int AS n FROM alerts')).toEqual([{ n: 200 }]);
    expect(await query(database, "SELECT count(*)::int AS n FROM alerts WHERE change_xid <> '1'")).toEqual([{ n: 0 }]);
    if (database === target) break;
  }
  await restoreInto(await testDatabase({ empty: true }), place);
}, 1_200_000);
