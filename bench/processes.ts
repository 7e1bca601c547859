import { readdir, readFile, writeFile } from 'node:fs/promises';

// Only Linux reports processor time in /proc, in ticks of USER_HZ, which is 100 on every architecture.
const TICK_MS = 10;

/** A process as /proc describes it. `cpuMs` includes the time of its children that ended and were waited for. */
type ProcessStat = { pid: number; parent: number; cpuMs: number };

/** Returns the processor time in milliseconds, user and system, of these processes and their descendants, ended ones too. */
export async function cpuMsOf(pids: readonly number[]): Promise<number> {
  const tree = await processTree(pids);
  return tree.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/**
 * Returns the peak resident size of the running processes of the trees in bytes: the sum of each one's own peak. Pages of
 * files and shared memory count once, as many as the process has that has most of them; otherwise the shared buffers of
 * PostgreSQL would count once per connection.
 */
export async function peakBytesOf(pids: readonly number[]): Promise<number> {
  const sizes = await sizesOf(pids, ['VmHWM', 'RssFile', 'RssShmem']);
  const most = (index: number) => Math.max(0, ...sizes.map((each) => each[index] ?? 0));
  return sizes.reduce((sum, [peak = 0, file = 0, shared = 0]) => sum + peak - file - shared, most(1) + most(2));
}

/** Returns the sum in bytes of the current resident size of each running process of the trees. */
export async function residentBytesOf(pids: readonly number[]): Promise<number> {
  return (await sizesOf(pids, ['VmRSS'])).reduce((sum, [size = 0]) => sum + size, 0);
}

/** Resets each peak to the current size. If the system forbids that, peaks are counted from each process's start. */
export async function resetPeaks(pids: readonly number[]): Promise<void> {
  const tree = await processTree(pids);
  await Promise.all(tree.map(({ pid }) => writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {})));
}

/** Returns these sizes of each process in bytes. */
async function sizesOf(pids: readonly number[], names: readonly string[]): Promise<number[][]> {
  const tree = await processTree(pids);
  return Promise.all(
    tree.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''); // it has just ended
      return names.map((name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024);
    }),
  );
}

async function processTree(pids: readonly number[]): Promise<ProcessStat[]> {
  const all = await readAllProcesses();
  const tree = all.filter(({ pid }) => pids.includes(pid));
  // The loop also visits the children that it appends.
  for (const { pid } of tree) {
    for (const child of all) if (child.parent === pid && !tree.includes(child)) tree.push(child);
  }
  return tree;
}

async function readAllProcesses(): Promise<ProcessStat[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(names.map((name) => readFile(`/proc/${name}/stat`, 'latin1').catch(() => '')));
  return stats.filter((stat) => stat !== '').map(parseStat);
}

/** Parses a line of /proc/PID/stat. The process's name in it is in parentheses and may contain any character. */
export function parseStat(stat: string): ProcessStat {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields after the name: state, parent, …; user and system time are the 12th and 13th, those of ended children follow.
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { pid: Number.parseInt(stat, 10), parent: Number(fields[1]), cpuMs: ticks * TICK_MS };
}
