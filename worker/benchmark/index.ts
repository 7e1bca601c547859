import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import closeWithGrace from 'close-with-grace';
import type { Opened } from '../house/part.ts';
import { findRedis } from '../house/redis-server.ts';
import { type Measured, measureBackend } from './bench.ts';
import { describeMachine } from './machine.ts';
import { type Options, readOptions } from './options.ts';
import { tableOfProfiles } from './profile.ts';
import { tableOf } from './table.ts';
import { layOutVideos } from './video-sets.ts';

// `npm run bench`: whole houses of processes on 127.0.0.1, driven as hard as they bear, and a table of what that cost. Bounded by
// time; leaves nothing but the videos that it made.

const opened: Opened = [];
const stop = new AbortController();
let done = false;

const { close } = closeWithGrace({ delay: 120_000, logger: false }, async ({ err }) => {
  stop.abort();
  if (err) say(err.message);
  await closeAll(opened);
  process.exit(done ? 0 : 1);
});

const args = process.argv.slice(2);
try {
  await main(readOptions(args));
  done = true;
} catch (error) {
  say(stop.signal.aborted ? 'stopped' : `${error instanceof Error ? error.message : error}`);
}
await close();

async function main(options: Options): Promise<void> {
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(options.minutes * 60_000)]);
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  opened.unshift({ close: () => rm(folder, { recursive: true, force: true }) });
  await layOutVideos(options.sets, join(folder, 'videos'), say);
  const searchPath = process.env.PATH ?? '';
  const profile = options.profile && resolve(options.profile);
  const measured: Measured[] = [];
  for (const backend of await backendsHere(options, searchPath)) {
    say(`a house with its queue on ${backend}`);
    const house: Opened = [];
    opened.unshift({ close: () => closeAll(house) });
    const bench = { options: { ...options, profile }, folder, searchPath, say, signal };
    measured.push(...(await measureBackend(bench, backend, house)));
    await closeAll(house);
  }
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const report = { command, machine: await describeMachine(), runs: options.runs, measured };
  process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : tableOf(report)}\n`);
  if (profile && !options.json) process.stdout.write(`\n${await tableOfProfiles(profile)}\n`);
}

/** Without a Redis the other backend is measured alone. */
async function backendsHere({ backends }: Options, searchPath: string): Promise<Options['backends']> {
  if (!backends.includes('redis')) return backends;
  try {
    await findRedis(searchPath);
    return backends;
  } catch (error) {
    if (backends.length === 1) throw error;
    say(`${error instanceof Error ? error.message : error}; measuring PostgreSQL alone`);
    return ['postgres'];
  }
}

async function closeAll(parts: Opened): Promise<void> {
  for (const part of parts.splice(0)) await part.close().catch((error: Error) => say(error.message));
}

function say(line: string): void {
  process.stderr.write(`▸ ${line}\n`);
}
