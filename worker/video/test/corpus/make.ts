import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FoundProgram, findOrInstallProgram, type Machine } from '#test/harness/system-packages.ts';
import { type Case, cases } from './cases.ts';

const run = promisify(execFile);

const mostBytes = 150_000_000;
/** Of one run of ffmpeg; the slowest, 8K, takes some seconds. */
const runLimitMs = 60_000;

/** A change of how files are altered makes all of those anew. */
const surgery = readFileSync(join(import.meta.dirname, 'surgery.ts'), 'utf8');

export const corpusFolder = join(import.meta.dirname, '../../../../data/corpus');

export type CorpusFile = { name: string; path: string };
/** `left`: names of the cases whose encoder this ffmpeg does not have. */
export type Corpus = { files: CorpusFile[]; bytes: number; left: string[] };

export type CorpusWish = {
  ffmpeg: string;
  /** Kept between runs: a file is made again only when its recipe has changed. */
  folder: string;
  /** The longest that making may take, milliseconds. */
  limitMs: number;
  say: (line: string) => void;
};

/** The system's ffmpeg, installed where that may be done. */
export function findFfmpeg(machine: Machine): Promise<FoundProgram> {
  return findOrInstallProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, machine);
}

/** Makes what is missing of the corpus, two files at a time. Throws where it takes too long or grows beyond 150 MB. */
export async function makeCorpus({ ffmpeg, folder, limitMs, say }: CorpusWish): Promise<Corpus> {
  const signal = AbortSignal.timeout(limitMs);
  await mkdir(folder, { recursive: true });
  const { stdout: encoders } = await run(ffmpeg, ['-hide_banner', '-encoders']);
  const kept = new Set(await readdir(folder));
  const can = ({ encoder }: Case) => encoder === undefined || new RegExp(`\\s${encoder}\\s`).test(encoders);
  const left = new Set<string>();
  for (const each of cases) {
    if (!can(each) || ('from' in each && left.has(each.from))) left.add(each.name);
  }
  const wanted = cases.filter(({ name }) => !left.has(name));
  const missing = wanted.filter((each) => !kept.has(fileOf(each)));
  if (missing.length > 0)
    say(`the corpus lacks ${missing.length} of ${wanted.length} files, making them in ${folder} …`);
  let done = 0;
  const make = async (queue: Case[]) => {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      await makeOne(each, { ffmpeg, folder, signal });
      done += 1;
      if (done % 20 === 0) say(`${done} of ${missing.length}`);
    }
  };
  // What is cut out of others comes after them all.
  const encoded = missing.filter((each) => 'args' in each);
  await Promise.all([make(encoded), make(encoded)]);
  await make(missing.filter((each) => 'from' in each));
  return taken(wanted, folder, [...left]);
}

async function taken(wanted: Case[], folder: string, left: string[]): Promise<Corpus> {
  const files = wanted.map((each) => ({ name: each.name, path: join(folder, fileOf(each)) }));
  const own = new Set(wanted.map(fileOf));
  for (const name of await readdir(folder)) {
    const old = !own.has(name) && !name.startsWith('making-');
    if (old) await rm(join(folder, name));
  }
  let bytes = 0;
  for (const { path } of files) bytes += (await stat(path)).size;
  if (bytes > mostBytes) throw new Error(`the corpus is ${bytes} bytes large, more than ${mostBytes}`);
  return { files, bytes, left };
}

/** The name tells the recipe, so that a file of an older one is not taken for it. */
function fileOf(each: Case): string {
  const hash = createHash('sha256').update(recipeOf(each)).digest('hex').slice(0, 10);
  return `${hash}-${each.name}`;
}

function recipeOf(each: Case): string {
  if ('args' in each) return JSON.stringify([each.name, each.args]);
  return `${each.name} ${surgery} ${recipeOf(sourceOf(each.from))}`;
}

function sourceOf(from: string): Case {
  const source = cases.find(({ name }) => name === from);
  if (source === undefined) throw new Error(`no case is named ${from}`);
  return source;
}

type Making = { ffmpeg: string; folder: string; signal: AbortSignal };

async function makeOne(each: Case, { ffmpeg, folder, signal }: Making): Promise<void> {
  const path = join(folder, fileOf(each));
  // Two runs may make the same file at the same time.
  const making = join(folder, `making-${process.pid}-${each.name}`);
  if ('args' in each) {
    const quiet = ['-v', 'error', '-nostdin', '-y', '-fflags', '+bitexact'];
    const exact = ['-flags:v', '+bitexact', '-threads', '1', making];
    await run(ffmpeg, [...quiet, ...each.args, ...exact], { signal, timeout: runLimitMs });
  } else {
    await writeFile(making, each.alter(await readFile(join(folder, fileOf(sourceOf(each.from))))));
  }
  await rename(making, path);
}
