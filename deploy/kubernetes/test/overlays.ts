import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FoundProgram, findOrInstallProgram } from '#test/harness/system-packages.ts';
import { FOLDER, type KubernetesObject, parseObjects } from './objects.ts';

export const OVERLAYS = ['single', 'production'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** kubectl or kustomize, or why there is none: the manifests need Kustomize 5. */
export const found = await findKustomize();

/** Without it the tests are skipped in CI, too: Debian 12 has no package with Kustomize 5. */
async function findKustomize(): Promise<FoundProgram> {
  const print = (line: string) => void process.stderr.write(`${line}\n`);
  const machine = { searchPath: process.env.PATH ?? '', mayInstall: process.getuid?.() === 0, print };
  const program = await findOrInstallProgram({ commands: ['kubectl', 'kustomize'], aptPackage: 'kustomize' }, machine);
  const result = 'path' in program && !(await isKustomize5(program.path)) ? tooOld(program.path) : program;
  if ('missing' in result) print(`${result.missing}. The tests of the Kubernetes manifests are skipped.`);
  return result;
}

function tooOld(path: string): FoundProgram {
  return { missing: `${path} has no Kustomize 5: install the package kustomize` };
}

async function isKustomize5(path: string): Promise<boolean> {
  const { stdout } = await run(path, isKubectl(path) ? ['version', '--client', '--output=json'] : ['version']);
  const version = isKubectl(path) ? /"kustomizeVersion": "v?(\d+)\./.exec(stdout) : /^v?(\d+)\./.exec(stdout);
  return Number(version?.[1]) >= 5;
}

function isKubectl(path: string): boolean {
  return path.endsWith('kubectl');
}

function run(path: string, args: string[]) {
  return promisify(execFile)(path, args, { env: { HOME: '/nonexistent' }, maxBuffer: 16 * 1024 * 1024 });
}

/** Returns the objects of an overlay, as `kubectl apply -k` would send them. */
export async function buildOverlay(overlay: Overlay): Promise<KubernetesObject[]> {
  if ('missing' in found) return [];
  const folder = join(FOLDER, 'overlays', overlay);
  const { stdout } = await run(found.path, [isKubectl(found.path) ? 'kustomize' : 'build', folder]);
  return parseObjects(stdout);
}
