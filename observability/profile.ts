import { createWriteStream } from 'node:fs';
import { mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';
import type { Logger } from 'pino';

const SIGNAL = 'SIGUSR2';

/** Files of one part that stay in the folder; the oldest go first. */
export const KEPT = 6;

export type ProfileOptions = {
  /** Which part of the house is looked at: api, worker. */
  part: string;
  folder: string;
  seconds: number;
  log: Logger;
};

/**
 * SIGUSR2: a CPU profile of the next `seconds`. SIGUSR2 again meanwhile: a heap snapshot after it, which stops the
 * process for about a second per 100 MB and for as long needs as much memory again. Files are the owner's alone.
 */
export function profileOnSignal(options: ProfileOptions): { close(): void } {
  const { log, part, folder } = options;
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
      await removeOldest(folder, part);
    } catch (err) {
      log.error({ err }, 'profile not written');
    }
    running = false;
    snapshotWanted = false;
  };
  process.on(SIGNAL, onSignal);
  return {
    close() {
      closing.abort();
      process.off(SIGNAL, onSignal);
    },
  };
}

/** Undefined where the process stops before the time is over. */
async function writeProfile(options: ProfileOptions, closing: AbortSignal): Promise<string | undefined> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    options.log.info({ seconds: options.seconds }, 'CPU profile begun');
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

/** In a name only: never one that exists, so that nobody's link in a folder open to all is followed. */
async function newFile({ part, folder }: ProfileOptions, kind: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const time = new Date().toISOString().replace(/[-:]/g, '');
  return join(folder, `video-alerts-${part}-${process.pid}-${time}.${kind}`);
}

async function removeOldest(folder: string, part: string): Promise<void> {
  const ours = new RegExp(`^video-alerts-${part}-\\d+-[\\dTZ.]+\\.(cpuprofile|heapsnapshot)$`);
  const names = (await readdir(folder)).filter((name) => ours.test(name));
  const files = await Promise.all(names.map(async (name) => ({ name, ms: (await stat(join(folder, name))).mtimeMs })));
  files.sort((a, b) => b.ms - a.ms);
  for (const { name } of files.slice(KEPT)) await unlink(join(folder, name));
}
