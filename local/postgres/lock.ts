import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processInfo } from './process-info.ts';

/**
 * Locks a data folder for this process. `orphaned`: the last process that had the lock ended without releasing it, so its
 * PostgreSQL may still run. Throws if a live process has the lock.
 */
export async function lockFolder(folder: string): Promise<{ orphaned: boolean; release(): Promise<void> }> {
  const lock = lockFile(folder);
  const ownFile = `${lock}.${randomUUID()}`;
  const content = `${process.pid}\n${(await processInfo(process.pid))?.started}\n`;
  let orphaned = false;
  await writeFile(ownFile, content);
  try {
    // link() creates the file with its content, or fails: no process reads half a lock.
    while (!(await link(ownFile, lock).then(() => true, unless('EEXIST')))) {
      const found = await readFile(lock, 'utf8').catch(unless('ENOENT'));
      if (found === false) continue;
      const pid = await liveHolder(found);
      if (pid !== undefined) {
        throw new Error(
          `The data folder ${folder} is in use by process ${pid}. Stop that process first, or use another folder`,
        );
      }
      orphaned = true;
      await removeStale(lock, found);
    }
  } finally {
    await rm(ownFile);
  }
  return { orphaned, release: () => rm(lock, { force: true }) };
}

/** Returns whether the process that had locked a data folder ended without releasing it. */
export async function isAbandoned(folder: string): Promise<boolean> {
  const found = await readFile(lockFile(folder), 'utf8').catch(unless('ENOENT', 'ENOTDIR'));
  return found !== false && (await liveHolder(found)) === undefined;
}

function lockFile(folder: string): string {
  return join(folder, 'starter.pid');
}

async function liveHolder(content: string): Promise<number | undefined> {
  const [pid = '', started] = content.split('\n');
  const holder = await processInfo(Number(pid));
  return holder && holder.started === started ? Number(pid) : undefined;
}

// Another process may have replaced the same stale lock by its own one since we read it: then that one is put back.
async function removeStale(lock: string, stale: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`;
  if ((await rename(lock, aside).catch(unless('ENOENT'))) === false) return;
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, lock).catch(unless('EEXIST'));
  await rm(aside);
}

/**
 * Makes sure that no PostgreSQL runs on `cluster`: stops one that a killed start left behind (`orphaned`), and removes the
 * pid file of one that has ended. Throws if one runs that another program started, or that does not stop.
 */
export async function clearPostmaster(cluster: string, orphaned: boolean, log: (line: string) => void): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  const content = await readFile(pidFile, 'utf8').catch(unless('ENOENT'));
  if (content === false) return;
  const pid = Number(content.split('\n', 1)[0]);
  if (!(await isPostmaster(pid, cluster))) {
    // After a power cut another process of the same user may have this pid, and PostgreSQL would refuse to start.
    // PostgreSQL finds backends that outlive their postmaster by their shared memory, not by this file.
    return rm(pidFile, { force: true });
  }
  if (!orphaned) {
    throw new Error(
      `The data folder ${cluster} is in use by PostgreSQL process ${pid}. Stop that process first, or use another folder`,
    );
  }
  log(`Stopping PostgreSQL (process ${pid}), which a killed start left behind`);
  for (const [signal, seconds] of [
    ['SIGINT', 20],
    ['SIGQUIT', 5],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return;
      throw error;
    }
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) {
      if (!(await isPostmaster(pid, cluster))) return;
    }
  }
  throw new Error(
    `PostgreSQL process ${pid}, which a killed start left behind, does not stop. End it with \`kill -9 ${pid}\``,
  );
}

async function isPostmaster(pid: number, cluster: string): Promise<boolean> {
  const command = (await processInfo(pid))?.command ?? '';
  return `${command} `.includes(`postgres -D ${cluster} `);
}

/** For a `catch`: returns false for an error with one of these codes, and throws any other error. */
export function unless(...codes: string[]): (error: NodeJS.ErrnoException) => false {
  return (error) => {
    if (codes.includes(error.code ?? '')) return false;
    throw error;
  };
}
