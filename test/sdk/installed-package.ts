import { execFile } from 'node:child_process';
import { glob, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type CommandResult, startCommand } from '#test/harness/run-command.ts';

const ROOT = join(import.meta.dirname, '../..');
const PATH = process.env.PATH ?? '';

/** Builds the package and installs it in an empty folder, without access to a registry. Returns the folder. */
export async function installPackage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sdk-'));
  // Nothing of npm's configuration or cache on this machine.
  const env = { PATH, HOME: folder, npm_config_offline: 'true', npm_config_registry: 'http://127.0.0.1:9/' };
  const packed = await run('npm', ['pack', '--pack-destination', folder], { env, cwd: join(ROOT, 'sdk') });
  const tarball = packed.out.trim().split('\n').at(-1) ?? '';
  const consumer = join(folder, 'consumer');
  await mkdir(consumer);
  await writeFile(join(consumer, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, tarball)], { env, cwd: consumer });
  return consumer;
}

/** Runs a program of which a failure is an error. */
export async function run(file: string, args: string[], options: { env: NodeJS.ProcessEnv; cwd: string }) {
  const result: CommandResult = await startCommand(file, args, options).result;
  if (result.code !== 0)
    throw new Error(`${file} ${args.join(' ')}: exit code ${result.code}\n${result.out}\n${result.err}`);
  return result;
}

export type NodeBinary = { name: string; folder: string };

/** Returns the Node of this test, and one of the oldest version that the package supports if this machine has one. */
export async function findNodes(): Promise<NodeBinary[]> {
  const own = { name: `Node ${process.versions.node}`, folder: join(process.execPath, '..') };
  const folders = PATH.split(delimiter).filter(Boolean);
  // Where GitHub's runners have other versions.
  const cached = process.env.RUNNER_TOOL_CACHE;
  if (cached !== undefined) for await (const folder of glob(join(cached, 'node/20.*/*/bin'))) folders.push(folder);
  for (const folder of folders) {
    const version = await versionOf(join(folder, 'node'));
    if (version?.startsWith('v20.')) return [own, { name: `Node ${version.slice(1)}`, folder }];
  }
  process.stderr.write(
    'There is no Node 20 on this machine. The package is tested with the Node of the project only.\n',
  );
  return [own];
}

async function versionOf(file: string): Promise<string | undefined> {
  return promisify(execFile)(file, ['--version']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined, // no such file
  );
}

/** Returns the code blocks of one language under a heading of docs/clients.md. */
export async function documentedCode(heading: string, language: string): Promise<string[]> {
  const page = await readFile(join(ROOT, 'docs/clients.md'), 'utf8');
  const [section = ''] = (page.split(`\n## ${heading}\n`)[1] ?? '').split('\n## ');
  return [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, of, code = '']) =>
    of === language ? [code] : [],
  );
}
