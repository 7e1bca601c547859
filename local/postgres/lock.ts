import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processInfo } from './process-info.ts';

/**
 * Takes a data folder for this process. `orphaned`: the last process that had it ended without giving it back, so its
 * PostgreSQL may still run. Throws when a live process has it.
 */
export async function lockFolder(folder: string): Promise<{ orphaned: boolean; release(): Promise<void> }> {
  const lock = lockFile(folder);
  const mine = `${lock}.${randomUUID()}`;
  const content = `${process.pid}\n${(await processInfo(process.pid))?.started}\n`;
  let orphaned = false;
  await writeFile(mine, content);
  try {
    // link() makes the file with its content, or fails: nobody ever reads half a lock.
    while (!(await link(mine, lock).then(() => true, unless('EEXIST')))) {
      const found = await readFile(lock, 'utf8').catch(unless('ENOENT'));
      if (found === false) continue;
      const pid = await livingHolder(found);
      if (pid !== undefined) {
        throw new Error(
          `The data folder ${folder} is in use by process ${pid}: stop that one first, or use another folder`,
        );
      }
      orphaned = true;
      await removeStale(lock, found);
    }
  } finally {
    await rm(mine);
  }
  return { orphaned, release: () => rm(lock, { force: true }) };
}

/** Whether the process that had a data folder ended without giving it back. */
export async function isAbandoned(folder: string): Promise<boolean> {
  const found = await readFile(lockFile(folder), 'utf8').catch(unless('ENOENT', 'ENOTDIR'));
  return found !== false && (await livingHolder(found)) === undefined;
}

function lockFile(folder: string): string {
  return join(folder, 'starter.pid');
}

async function livingHolder(content: string): Promise<number | undefined> {
  const [pid = '', started] = content.split('\n');
  const holder = await processInfo(Number(pid));
  return holder && holder.started === started ? Number(pid) : undefined;
}

// Another starter may have removed the same stale lock and put its own there since we read it: then that one goes back.
async function removeStale(lock: string, stale: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`;
  if ((await rename(lock, aside).catch(unless('ENOENT'))) === false) return;
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, lock).catch(unless('EEXIST'));
  await rm(aside);
}

/**
 * Makes sure that no PostgreSQL runs on `cluster`: stops one that an ended starter has left behind (`orphaned`), and
 * removes the pid file of one that is gone. Throws when one runs that is not ours to stop, or does not stop.
 */
export async function clearPostmaster(cluster: string, orphaned: boolean, log: (line: string) => void): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  const content = await readFile(pidFile, 'utf8').catch(unless('ENOENT'));
  if (content === false) return;
  const pid = Number(content.split('\n', 1)[0]);
  if (!(await isPostmaster(pid, cluster))) {
    // After a power cut the pid may be another process of the same user by now, and PostgreSQL would not start beside it.
    // Backends that outlive their postmaster are still found by PostgreSQL: through their shared memory, not this file.
    return rm(pidFile, { force: true });
  }
  if (!orphaned) {
    throw new Error(
      `The data folder ${cluster} is in use by PostgreSQL process ${pid}: stop that one first, or use another folder`,
    );
  }
  log(`stopping PostgreSQL (process ${pid}), left behind by a start that was killed`);
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
    `PostgreSQL process ${pid}, left behind by a start that was killed, does not stop: end it with \`kill -9 ${pid}\``,
  );
}

async function isPostmaster(pid: number, cluster: string): Promise<boolean> {
  const command = (await processInfo(pid))?.command ?? '';
  return `${command} `.includes(`postgres -D ${cluster} `);
}

/** For a `catch`: false in place of an error with this code, any other error thrown on. */
export function unless(...codes: string[]): (error: NodeJS.ErrnoException) => false {
  return (error) => {
    if (codes.includes(error.code ?? '')) return false;
    throw error;
  };
}
