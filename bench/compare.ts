import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { endWithThisProcess } from '#test/harness/process.ts';
import { commandLine } from './command.ts';
import { figuresOf } from './figures.ts';
import type { Options } from './options.ts';
import type { Opened } from './stack.ts';
import { median } from './statistics.ts';

/** The values of one figure, one of each pair of runs, and new divided by old. */
export type ComparedFigure = { name: string; old: number[]; new: number[]; ratios: number[] };
export type RevisionComparison = { command: string; old: string; new: string; figures: ComparedFigure[] };

type Context = {
  /** For the worktree. The caller removes it. */
  folder: string;
  log: (line: string) => void;
  signal: AbortSignal;
};

const ROOT = resolve(import.meta.dirname, '..');

/**
 * Measures another revision and these sources in turn, each in a new process with its own benchmark and a new stack, so that
 * both meet the same state of the machine. What has to be closed is added to `opened`.
 */
export async function compareRevisions(
  { compare = '', runs }: Options,
  { folder, log, signal }: Context,
  opened: Opened,
): Promise<RevisionComparison> {
  const run: Run = (file, argv, cwd) => runProgram(file, argv, { cwd, opened, signal });
  const old = await addWorktree(compare, join(folder, 'old'), run, opened);
  const sides = { old: join(folder, 'old'), new: ROOT };
  // The last one of an option that is given twice counts.
  const childArgs = [
    ...withoutCompare(process.argv.slice(2)),
    '--baseline',
    'no',
    '--probes',
    'no',
    '--runs',
    '1',
    '--json',
  ];
  const figures = new Map<string, ComparedFigure>();
  for (let pair = 1; pair <= runs; pair += 1) {
    // Each side is the first one as often as the other.
    for (const side of pair % 2 === 1 ? (['old', 'new'] as const) : (['new', 'old'] as const)) {
      log(`pair ${pair} of ${runs}: ${side === 'old' ? compare : 'these sources'}`);
      const out = await run(process.execPath, [join(sides[side], 'bench/index.ts'), ...childArgs], sides[side]);
      for (const [name, value] of figuresOf(JSON.parse(out))) {
        const figure = figures.get(name) ?? { name, old: [], new: [], ratios: [] };
        figure[side].push(value);
        figures.set(name, figure);
      }
    }
  }
  const current = await run('git', ['describe', '--always', '--dirty'], ROOT);
  return { command: commandLine('bench'), old, new: current.trim(), figures: [...figures.values()].map(withRatios) };
}

/** Figures that only one side has, or that were 0 before, get no ratios. */
function withRatios(figure: ComparedFigure): ComparedFigure {
  const isPaired = figure.old.length === figure.new.length && !figure.old.includes(0);
  return { ...figure, ratios: isPaired ? figure.new.map((value, index) => value / (figure.old[index] ?? 0)) : [] };
}

/** Returns the short hash of the revision, whose files are then in `folder`, ready to run. */
async function addWorktree(revision: string, folder: string, run: Run, opened: Opened): Promise<string> {
  const commit = await run(
    'git',
    ['rev-parse', '--short', '--verify', '--end-of-options', `${revision}^{commit}`],
    ROOT,
  );
  opened.unshift({ close: () => removeWorktree(folder) });
  await run('git', ['worktree', 'add', '--quiet', '--detach', folder, commit.trim()], ROOT);
  const lock = (root: string) => readFile(join(root, 'package-lock.json'), 'utf8');
  if ((await lock(folder)) === (await lock(ROOT))) {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await run(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], folder);
  } else {
    await run('npm', ['ci', '--no-audit', '--no-fund'], folder);
  }
  await mkdir(join(ROOT, 'bench/videos'), { recursive: true });
  await symlink(join(ROOT, 'bench/videos'), join(folder, 'bench/videos'));
  return commit.trim();
}

async function removeWorktree(folder: string): Promise<void> {
  const git = spawn('git', ['worktree', 'remove', '--force', folder], { cwd: ROOT, stdio: 'ignore', detached: true });
  await once(git, 'close');
}

function withoutCompare(args: string[]): string[] {
  return args.filter((arg, index) => !/^--compare(=|$)/.test(arg) && args[index - 1] !== '--compare');
}

type Run = (file: string, args: string[], cwd: string) => Promise<string>;
type RunOptions = { cwd: string; opened: Opened; signal: AbortSignal };

/** Runs a program until its end and returns its output. Throws if it fails. Closing `opened` stops it and waits for it. */
async function runProgram(file: string, args: string[], { cwd, opened, signal }: RunOptions): Promise<string> {
  signal.throwIfAborted();
  // A process group of its own: Ctrl-C in the terminal reaches only this process, which stops the other.
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const ended = once(child, 'close');
  const disarm = child.pid === undefined ? () => {} : endWithThisProcess(child.pid, 'SIGINT');
  // Once: a second signal ends a benchmark before it has closed everything.
  let stop = () => {
    stop = () => {};
    child.kill('SIGINT');
  };
  const closer = {
    async close() {
      stop();
      await ended;
    },
  };
  opened.unshift(closer);
  const abort = () => stop();
  signal.addEventListener('abort', abort, { once: true });
  const [out, [code, by]] = await Promise.all([text(child.stdout), ended]);
  signal.removeEventListener('abort', abort);
  disarm();
  if (opened.includes(closer)) opened.splice(opened.indexOf(closer), 1);
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`${[file, ...args].join(' ')} ended with ${by ?? `code ${code}`}`);
  return out;
}

/** Returns the ratios as a table in Markdown: the median, and each pair. */
export function renderComparison({ command, old, new: current, figures }: RevisionComparison): string {
  const rows = figures.map(({ name, ratios }) => {
    const texts = ratios.map((ratio) => ratio.toFixed(2));
    return [name, texts.length === 0 ? '–' : `**${median(ratios).toFixed(2)}**: ${texts.join(', ')}`];
  });
  const header = ['', `${current} to ${old}: median, and each pair`];
  const table = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [command, '', ...table].join('\n');
}
