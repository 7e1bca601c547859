import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cases } from './cases.ts';
import type { Case } from './encoders.ts';

const run = promisify(execFile);

const maxCorpusBytes = 150_000_000;
/** Of one run of ffmpeg; the slowest, 8K, takes a few seconds. */
const runTimeoutMs = 120_000;

/** Part of the name of altered files: when the alterations change, these files are made again. */
const alterations = [
  'alterations.ts',
  'unusual-mp4.ts',
  'unusual-matroska.ts',
  'unusual-avi.ts',
  'remux.ts',
  'unusual-cases.ts',
]
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  .join('');

export const corpusFolder = join(import.meta.dirname, '../../../../data/corpus');

export type CorpusFile = { name: string; path: string };
/** `skipped`: names of the cases whose encoder this ffmpeg lacks. */
export type Corpus = { files: CorpusFile[]; bytes: number; skipped: string[] };

export type CorpusOptions = {
  ffmpeg: string;
  /** Kept between runs: a file is made again only when its recipe has changed. */
  folder: string;
  timeoutMs: number;
  print: (line: string) => void;
};

/** Makes the missing files of the corpus, two at a time. Throws if that takes too long or the corpus exceeds 150 MB. */
export async function makeCorpus({ ffmpeg, folder, timeoutMs, print }: CorpusOptions): Promise<Corpus> {
  const signal = AbortSignal.timeout(timeoutMs);
  await mkdir(folder, { recursive: true });
  const { stdout: encoders } = await run(ffmpeg, ['-hide_banner', '-encoders']);
  const existing = new Set(await readdir(folder));
  const hasEncoder = ({ encoder }: Case) => encoder === undefined || new RegExp(`\\s${encoder}\\s`).test(encoders);
  const skipped = new Set<string>();
  for (const each of cases) {
    if (!hasEncoder(each) || ('from' in each && [each.from, each.other ?? ''].some((name) => skipped.has(name))))
      skipped.add(each.name);
  }
  const wanted = cases.filter(({ name }) => !skipped.has(name));
  const missing = wanted.filter((each) => !existing.has(fileOf(each)));
  if (missing.length > 0) print(`making ${missing.length} of ${wanted.length} test videos in ${folder} …`);
  let made = 0;
  const makeAll = async (queue: Case[]) => {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      await makeOne(each, { ffmpeg, folder, signal });
      made += 1;
      if (made % 20 === 0) print(`${made} of ${missing.length}`);
    }
  };
  // Altered files come last, because they need the others.
  const encoded = missing.filter((each) => 'args' in each);
  await Promise.all([makeAll(encoded), makeAll(encoded)]);
  await makeAll(missing.filter((each) => 'from' in each));
  return collect(wanted, folder, [...skipped]);
}

/** Removes outdated files and returns the corpus. */
async function collect(wanted: Case[], folder: string, skipped: string[]): Promise<Corpus> {
  const files = wanted.map((each) => ({ name: each.name, path: join(folder, fileOf(each)) }));
  const current = new Set(wanted.map(fileOf));
  for (const name of await readdir(folder)) {
    const outdated = !current.has(name) && !name.startsWith('making-');
    if (outdated) await rm(join(folder, name));
  }
  let bytes = 0;
  for (const { path } of files) bytes += (await stat(path)).size;
  if (bytes > maxCorpusBytes) throw new Error(`the corpus is ${bytes} bytes large, more than ${maxCorpusBytes}`);
  return { files, bytes, skipped };
}

/** Names a file after its recipe, so that a file from an older recipe is not mistaken for it. */
function fileOf(each: Case): string {
  const hash = createHash('sha256').update(recipeOf(each)).digest('hex').slice(0, 10);
  return `${hash}-${each.name}`;
}

function recipeOf(each: Case): string {
  if ('args' in each) return JSON.stringify([each.name, each.args]);
  return `${each.name} ${alterations} ${recipeOf(sourceOf(each.from))}`;
}

function sourceOf(from: string): Case {
  const source = cases.find(({ name }) => name === from);
  if (source === undefined) throw new Error(`no case is named ${from}`);
  return source;
}

type MakeOptions = { ffmpeg: string; folder: string; signal: AbortSignal };

async function makeOne(each: Case, { ffmpeg, folder, signal }: MakeOptions): Promise<void> {
  // Renamed when complete, because two runs may make the same file at the same time.
  const temporary = join(folder, `making-${process.pid}-${each.name}`);
  if ('args' in each) {
    const quiet = ['-v', 'error', '-nostdin', '-y', '-fflags', '+bitexact'];
    const reproducible = ['-flags:v', '+bitexact', '-threads', '1', temporary];
    await run(ffmpeg, [...quiet, ...each.args, ...reproducible], { signal, timeout: runTimeoutMs });
  } else {
    const [from, other] = await Promise.all(
      [each.from, each.other ?? each.from].map((name) => readFile(join(folder, fileOf(sourceOf(name))))),
    );
    if (from !== undefined && other !== undefined) await writeFile(temporary, await each.alter(from, other));
  }
  await rename(temporary, join(folder, fileOf(each)));
}
