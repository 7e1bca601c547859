import { readdir, readFile, writeFile } from 'node:fs/promises';

// Linux alone counts processor time in /proc, in ticks of USER_HZ, which is 100 on every architecture.
const TICK_MS = 10;

/** One process as /proc tells it. `cpuMs` holds its own time and that of its children that ended and were waited for. */
type Seen = { pid: number; parent: number; cpuMs: number };

/** Milliseconds of processor time, user and system, of these processes and of all their descendants, ended ones too. */
export async function cpuMsOf(pids: readonly number[]): Promise<number> {
  const tree = await treeOf(pids);
  return tree.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/** Bytes: the peak resident size of each living process of the trees, summed. Pages they share count once for each. */
export async function peakBytesOf(pids: readonly number[]): Promise<number> {
  return sumOfStatus(pids, /^VmHWM:\s+(\d+) kB$/m);
}

/** Bytes: the resident size of each living process of the trees now, summed. */
export async function residentBytesOf(pids: readonly number[]): Promise<number> {
  return sumOfStatus(pids, /^VmRSS:\s+(\d+) kB$/m);
}

/** Lets each peak begin anew at the present size. Where the system forbids that, peaks go back to each start. */
export async function forgetPeaks(pids: readonly number[]): Promise<void> {
  const tree = await treeOf(pids);
  await Promise.all(tree.map(({ pid }) => writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {})));
}

async function sumOfStatus(pids: readonly number[], line: RegExp): Promise<number> {
  const tree = await treeOf(pids);
  const sizes = await Promise.all(
    tree.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''); // it ended meanwhile
      return Number(line.exec(status)?.[1] ?? 0) * 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function treeOf(pids: readonly number[]): Promise<Seen[]> {
  const all = await everyProcess();
  const found = all.filter(({ pid }) => pids.includes(pid));
  // Grows while it is walked: each one found brings its children.
  for (const { pid } of found) {
    for (const child of all) if (child.parent === pid && !found.includes(child)) found.push(child);
  }
  return found;
}

async function everyProcess(): Promise<Seen[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(`/proc/${name}/stat`, 'latin1').catch(() => '')));
  return texts.filter((text) => text !== '').map(seenIn);
}

/** @param stat a line of /proc/PID/stat. The name in it stands in brackets and may hold anything. */
export function seenIn(stat: string): Seen {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // After the name: state, parent, …; user and system time are the 12th and 13th, of ended children the next two.
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { pid: Number.parseInt(stat, 10), parent: Number(fields[1]), cpuMs: ticks * TICK_MS };
}
