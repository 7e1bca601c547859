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

/** Returns the sum in bytes of the peak resident size of each running process of the trees. Shared pages count each time. */
export async function peakBytesOf(pids: readonly number[]): Promise<number> {
  return sumOfStatus(pids, /^VmHWM:\s+(\d+) kB$/m);
}

/** Returns the sum in bytes of the current resident size of each running process of the trees. */
export async function residentBytesOf(pids: readonly number[]): Promise<number> {
  return sumOfStatus(pids, /^VmRSS:\s+(\d+) kB$/m);
}

/** Resets each peak to the current size. If the system forbids that, peaks are counted from each process's start. */
export async function resetPeaks(pids: readonly number[]): Promise<void> {
  const tree = await processTree(pids);
  await Promise.all(tree.map(({ pid }) => writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {})));
}

async function sumOfStatus(pids: readonly number[], line: RegExp): Promise<number> {
  const tree = await processTree(pids);
  const sizes = await Promise.all(
    tree.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''); // it has just ended
      return Number(line.exec(status)?.[1] ?? 0) * 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
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
