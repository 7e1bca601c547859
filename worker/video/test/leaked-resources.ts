import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What this process holds: sockets, child processes, temporary files in `folder`. */
export type Held = { sockets: number; children: number; files: string[] };

/** Elsewhere than on Linux nobody tells of descriptors and children: none are seen. */
export function held(folder: string): Held {
  return { sockets: sockets(), children: children(), files: readdirSync(folder) };
}

/** Waits, two seconds at most, for what is closing to be closed; answers with what is held then. */
export async function heldAtRest(folder: string, before: Held): Promise<Held> {
  const deadline = Date.now() + 2000;
  const same = () => JSON.stringify(held(folder)) === JSON.stringify(before);
  while (!same() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  return held(folder);
}

function sockets(): number {
  if (!existsSync('/proc/self/fd')) return 0;
  return readdirSync('/proc/self/fd').filter((fd) => link(fd).startsWith('socket:')).length;
}

/** Empty for the descriptor of the list itself, which is closed by now. */
function link(fd: string): string {
  try {
    return readlinkSync(join('/proc/self/fd', fd));
  } catch {
    return '';
  }
}

function children(): number {
  if (!existsSync('/proc/self/stat')) return 0;
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.filter((number) => parentOf(number) === process.pid).length;
}

/** Behind the program's name, which may hold anything: state, then the parent's number. */
function parentOf(number: string): number {
  try {
    const stat = readFileSync(join('/proc', number, 'stat'), 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]);
  } catch {
    return 0;
  }
}
