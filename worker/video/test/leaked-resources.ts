import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Open sockets and child processes of this process, and the files in `folder`. */
export type Resources = { sockets: number; children: number; files: string[] };

/** Sockets and children are counted on Linux only; elsewhere they are 0. */
export function resourcesIn(folder: string): Resources {
  return { sockets: countSockets(), children: countChildren(), files: readdirSync(folder) };
}

function countSockets(): number {
  if (!existsSync('/proc/self/fd')) return 0;
  return readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith('socket:')).length;
}

/** Empty for the descriptor of the listing itself, which is closed by now. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(join('/proc/self/fd', fd));
  } catch {
    return '';
  }
}

function countChildren(): number {
  if (!existsSync('/proc/self/stat')) return 0;
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.filter((pid) => parentOf(pid) === process.pid).length;
}

/** After the program's name, which may contain anything, come the state and the parent's pid. */
function parentOf(pid: string): number {
  try {
    const stat = readFileSync(join('/proc', pid, 'stat'), 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]);
  } catch {
    return 0;
  }
}
