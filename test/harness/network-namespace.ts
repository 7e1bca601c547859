import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './system-packages.ts';

const ROOT = join(import.meta.dirname, '../..');
const TIMEOUT_MS = 300_000;

/**
 * In the namespace every IPv4 and IPv6 address belongs to this machine, nothing outside can be reached, and names are looked
 * up at 127.0.0.1:53 (and in /etc/hosts). The machine's own network is not changed.
 */
const SETUP = [
  'mount --bind "$1" /etc/resolv.conf',
  'ip link set lo up',
  'ip route add local default dev lo',
  'ip -6 route add local default dev lo',
  'shift',
  'exec "$@"',
].join(' && ');

/** Returns the command line that starts a program in a new network namespace; undefined if the system does not permit it. */
export async function networkNamespace(): Promise<string[] | undefined> {
  const path = process.env.PATH ?? '';
  const unshare = await findProgram(['unshare'], path);
  const ip = await findProgram(['ip'], `${path}:/sbin`);
  if (!unshare || !ip) return undefined;
  const resolver = join(await mkdtemp(join(tmpdir(), 'namespace-')), 'resolv.conf');
  await writeFile(resolver, 'nameserver 127.0.0.1\noptions timeout:2 attempts:2\n');
  const command = [unshare, '--map-root-user', '--net', '--mount', '/bin/sh', '-c', SETUP, 'setup', resolver];
  try {
    await promisify(execFile)(command[0] ?? '', [...command.slice(1), '/bin/true']);
    return command;
  } catch {
    return undefined;
  }
}

/** Runs a Node entry file of the repository in the namespace to its end, and returns what it wrote to standard output. */
export async function runInNamespace(
  command: string[],
  entry: string,
  env: Record<string, string> = {},
): Promise<string> {
  const [file = '', ...args] = [...command, process.execPath, join(ROOT, entry)];
  const options = { env: { PATH: process.env.PATH ?? '', ...env }, timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
  return (await promisify(execFile)(file, args, options)).stdout;
}
