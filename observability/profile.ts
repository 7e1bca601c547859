import { createWriteStream } from 'node:fs';
import { mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';
import type { Logger } from 'pino';

const SIGNAL = 'SIGUSR2';

/** Files of one service in the folder; older ones are deleted. */
export const MAX_FILES = 6;

export type ProfileOptions = {
  /** api or worker. */
  service: string;
  folder: string;
  seconds: number;
  log: Logger;
};

/**
 * Writes a CPU profile of the next `seconds` on SIGUSR2, and a heap snapshot after it if SIGUSR2 arrives again in the
 * meantime. The snapshot stops the process for about 1 s per 100 MB and needs as much memory again. Only the owner can
 * read the files.
 */
export function profileOnSignal(options: ProfileOptions): { close(): void } {
  const { log, service, folder } = options;
  const closing = new AbortController();
  let running = false;
  let snapshotWanted = false;
  const onSignal = async () => {
    if (running) {
      snapshotWanted = true;
      return;
    }
    running = true;
    try {
      const file = await writeProfile(options, closing.signal);
      if (file) log.info({ file }, 'CPU profile written');
      if (snapshotWanted && !closing.signal.aborted)
        log.info({ file: await writeSnapshot(options) }, 'heap snapshot written');
    } catch (err) {
      log.error({ err }, 'profile not written');
    }
    // Before the cleanup: a signal during it starts the next profile.
    running = false;
    snapshotWanted = false;
    await removeOldest(folder, service).catch((err) => log.error({ err }, 'old profiles not deleted'));
  };
  process.on(SIGNAL, onSignal);
  return {
    close() {
      closing.abort();
      process.off(SIGNAL, onSignal);
    },
  };
}

/** Returns the file's path, or undefined if the process stops first. */
async function writeProfile(options: ProfileOptions, closing: AbortSignal): Promise<string | undefined> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    options.log.info({ seconds: options.seconds }, 'CPU profile started');
    const stopped = await sleep(options.seconds * 1000, false, { signal: closing, ref: false }).catch(() => true);
    if (stopped) return undefined;
    const { profile } = await session.post('Profiler.stop');
    const file = await newFile(options, 'cpuprofile');
    await writeFile(file, JSON.stringify(profile), { mode: 0o600, flag: 'wx' });
    return file;
  } finally {
    session.disconnect();
  }
}

async function writeSnapshot(options: ProfileOptions): Promise<string> {
  const file = await newFile(options, 'heapsnapshot');
  await pipeline(getHeapSnapshot(), createWriteStream(file, { mode: 0o600, flags: 'wx' }));
  return file;
}

/** Returns an unused path. Opened with `wx`, it never follows a link that another user put in a folder that everyone can write. */
async function newFile({ service, folder }: ProfileOptions, kind: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const time = new Date().toISOString().replace(/[-:]/g, '');
  return join(folder, `video-alerts-${service}-${process.pid}-${time}.${kind}`);
}

async function removeOldest(folder: string, service: string): Promise<void> {
  const pattern = new RegExp(`^video-alerts-${service}-\\d+-[\\dTZ.]+\\.(cpuprofile|heapsnapshot)$`);
  const names = (await readdir(folder)).filter((name) => pattern.test(name));
  const files = await Promise.all(names.map(async (name) => ({ name, ms: (await stat(join(folder, name))).mtimeMs })));
  files.sort((a, b) => b.ms - a.ms);
  for (const { name } of files.slice(MAX_FILES)) await unlink(join(folder, name));
}
