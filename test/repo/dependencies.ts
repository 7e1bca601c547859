// `npm run check`: holds every import against the rules of .dependency-cruiser.ts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import config from '../../.dependency-cruiser.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCE = /\.(ts|js|mjs)$/;
const FOREIGN = /^(prisma\/generated|node_modules|data)\//;
const TYPE_IMPORT = /^(import|export) type (?=\{|\*|\w+ from )/gm;
const TYPESCRIPT_SPECIFIER = /(['"](?:\.{1,2}\/|#)[^'"\n]*)\.ts(?=['"])/g;

export type Sources = Record<string, string>;
export type Checked = { modules: number; violations: string[] };

/**
 * Returns how many modules were read and one line for each import that breaks a rule.
 *
 * dependency-cruiser 17 reads TypeScript only through TypeScript below 7, which this project no longer has, or through
 * swc, which fails at a `using` declaration. So it gets a copy in which Node removed the types and imports of types
 * became imports of values: they count too.
 */
export async function checkDependencies(sources: Sources): Promise<Checked> {
  const folder = mkdtempSync(join(tmpdir(), 'dependencies-'));
  const before = process.cwd();
  try {
    writeCopy(folder, sources);
    // dependency-cruiser resolves from the working directory.
    process.chdir(folder);
    const { output } = await cruise(
      Object.keys(sources).map(copyName),
      { validate: true, ruleSet: config, doNotFollow: { path: 'node_modules|^prisma/generated' } },
      {
        extensions: ['.js', '.mjs'],
        exportsFields: ['exports'],
        conditionNames: ['node', 'import', 'default'],
        symlinks: false,
      },
    );
    if (typeof output === 'string') throw new Error('dependency-cruiser returned text instead of a result');
    return { modules: output.summary.totalCruised, violations: linesOf(output, Object.keys(sources)) };
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
}

/** Returns the tracked sources of this repository by path. */
export function trackedSources(): Sources {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const paths = listed.toString().split('\n');
  const sources = paths.filter((path) => SOURCE.test(path) && !FOREIGN.test(path));
  return Object.fromEntries(sources.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
}

function writeCopy(folder: string, sources: Sources): void {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, text] of Object.entries({ ...generatedStubs(), ...sources })) {
    const file = join(folder, copyName(path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, path.endsWith('.ts') ? withoutTypes(text) : text);
  }
}

/** Prisma's generated client imports only Prisma's packages: its files need to exist, not to be read. */
function generatedStubs(): Sources {
  return { 'prisma/generated/client.ts': '', 'prisma/generated/enums.ts': '' };
}

function withoutTypes(text: string): string {
  const javascript = stripTypeScriptTypes(text.replace(TYPE_IMPORT, '$1 '));
  return javascript.replace(TYPESCRIPT_SPECIFIER, '$1.js');
}

function copyName(path: string): string {
  return path.replace(/\.ts$/, '.js');
}

function linesOf({ summary }: ICruiseResult, paths: string[]): string[] {
  const comments = new Map(config.forbidden.map(({ name, comment }) => [name, comment]));
  const originals = new Map(paths.map((path) => [copyName(path), path]));
  const original = (name: string) => originals.get(name) ?? name;
  const lines = summary.violations.map(({ rule, from, to, cycle = [] }) => {
    const target = rule.name === 'no-cycles' ? cycle.map(({ name }) => original(name)).join(' → ') : original(to);
    return `${original(from)} → ${target}: ${comments.get(rule.name)}`;
  });
  return [...new Set(lines)].sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { modules, violations } = await checkDependencies(trackedSources());
  for (const line of violations) process.stderr.write(`${line}\n`);
  process.stdout.write(`${modules} modules, ${violations.length} forbidden imports\n`);
  if (violations.length > 0) process.exitCode = 1;
}
