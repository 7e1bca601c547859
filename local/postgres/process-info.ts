import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** `started` distinguishes a process from a later one with the same pid. */
export type ProcessInfo = { started: string; command: string };

/** Returns the process with this pid; undefined if there is none, or only a zombie. */
export function processInfo(pid: number): Promise<ProcessInfo | undefined> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

// Slim container images have no `ps`.
async function fromProc(pid: number): Promise<ProcessInfo | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    // proc(5): the second field, in brackets, may contain spaces and brackets; state is the third, start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { started: fields[19] ?? '', command: command.replaceAll('\0', ' ').trim() };
  } catch {
    return undefined;
  }
}

async function fromPs(pid: number): Promise<ProcessInfo | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'lstart=,command=', '-p', String(pid)]);
    // lstart is always 24 characters: "Sun Nov 22 15:23:01 2026".
    return { started: stdout.slice(0, 24), command: stdout.slice(24).trim() };
  } catch {
    return undefined;
  }
}
