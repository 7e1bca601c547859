import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FaultKind, PlannedFault } from './faults.ts';
import type { ChaosStack } from './stack.ts';

type Injection = (stack: ChaosStack, fault: PlannedFault, signal: AbortSignal) => Promise<void>;

/** The faults that hit the making of pictures only. */
export const PICTURE_INJECTIONS: Partial<Record<FaultKind, Injection>> = {
  'kill decoder': killDecoders,
  'deny media': (stack, fault, signal) => (fault.replica === 0 ? replaceMedia : fillMedia)(stack, fault, signal),
};

/** Only the arguments of ffmpeg name the decoders that it may use. */
const DECODER_ARGUMENT = '-codec_whitelist';

/** Returns the ids of the running ffmpeg processes that make pictures for the process. */
export async function decodersOf(pid: number | undefined): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = (name: string, file: string) => readFile(`/proc/${name}/${file}`, 'latin1').catch(() => ''); // it has just ended
  const processes = await Promise.all(
    names.map(async (name) => ({ pid: Number(name), parent: parentOf(await read(name, 'stat')) })),
  );
  const tree = processes.filter(({ parent }) => parent === pid);
  // The loop also visits the children that it appends.
  for (const child of tree) tree.push(...processes.filter(({ parent }) => parent === child.pid));
  const decoders = await Promise.all(
    tree.map(async (each) => ((await read(`${each.pid}`, 'cmdline')).includes(DECODER_ARGUMENT) ? [each.pid] : [])),
  );
  return decoders.flat();
}

/** The name of the process is in parentheses and may contain any character; its state and its parent follow. */
function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

const LOOK_MS = 20;

/** Kills every other ffmpeg that it sees. */
async function killDecoders({ workers }: ChaosStack, { durationMs }: PlannedFault, signal: AbortSignal): Promise<void> {
  let seen = new Set<number>();
  let count = 0;
  for (const deadline = Date.now() + durationMs; Date.now() < deadline && !signal.aborted; await sleep(LOOK_MS)) {
    const decoders = (await Promise.all(workers.map((worker) => decodersOf(worker.pid())))).flat();
    for (const pid of decoders.filter((each) => !seen.has(each))) {
      count += 1;
      if (count % 2 === 1) killIfRunning(pid);
    }
    seen = new Set(decoders);
  }
}

function killIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** A file is where the folder of the pictures was. */
async function replaceMedia(
  { mediaFolder }: ChaosStack,
  { durationMs }: PlannedFault,
  signal: AbortSignal,
): Promise<void> {
  const kept: string[] = [];
  await mkdir(mediaFolder, { recursive: true });
  do {
    const folder = `${mediaFolder}-kept-${kept.length}`;
    await rename(mediaFolder, folder);
    kept.push(folder);
  } while (!(await createFile(mediaFolder)));
  await sleep(durationMs, undefined, { signal }).catch(() => {}); // it is reverted
  await rm(mediaFolder);
  for (const folder of kept) await moveContents(folder, mediaFolder);
}

/** Returns false if a worker has just created a folder with this name. */
async function createFile(path: string): Promise<boolean> {
  try {
    await writeFile(path, 'not a folder', { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Workers may write to the folder `to` at the same time. */
async function moveContents(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  await rm(from, { recursive: true });
}

/** The folder of the pictures is on a disk of 64 KiB. Only root can mount it; otherwise as `replaceMedia`. */
async function fillMedia(stack: ChaosStack, fault: PlannedFault, signal: AbortSignal): Promise<void> {
  const { mediaFolder } = stack;
  const run = promisify(execFile);
  await mkdir(mediaFolder, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mediaFolder], { env: { PATH: SYSTEM_PATH } });
  } catch {
    return replaceMedia(stack, fault, signal);
  }
  const kept = `${mediaFolder}-kept`;
  try {
    await sleep(fault.durationMs, undefined, { signal }).catch(() => {}); // it is reverted
    // The pictures that still had space are not lost.
    await cp(mediaFolder, kept, { recursive: true, filter: (source) => !source.includes('unfinished') });
  } finally {
    await run('umount', ['--lazy', mediaFolder], { env: { PATH: SYSTEM_PATH } });
  }
  await moveContents(kept, mediaFolder);
}

const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
