import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const INSTALL_TIMEOUT_MS = 280_000;
const run = promisify(execFile);

/** The release that the current code has to run next to: its version, its commit and its last migration. */
export type PreviousRelease = { version: string; commit: string; migration: string };

/** The code of a release in a folder of its own, ready to run. */
export type CheckedOut = { folder: string; remove(): Promise<void> };

/** Reads previous-release.json. Each release changes it; see docs/upgrade.md. */
export async function previousRelease(): Promise<PreviousRelease> {
  return JSON.parse(await readFile(new URL('./previous-release.json', import.meta.url), 'utf8'));
}

/** Returns undefined if this clone has the release's commit, otherwise why it cannot be checked out. */
export async function missingCommit({ commit, version }: PreviousRelease): Promise<string | undefined> {
  try {
    await run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: ROOT });
    return undefined;
  } catch {
    return `this clone does not have the commit ${commit} of version ${version}: run \`git fetch --unshallow\``;
  }
}

/**
 * Checks a release out into a temporary folder and generates its Prisma client. It uses the packages of the current code if
 * its lock file is the same, otherwise it installs its own.
 */
export async function checkOut({ commit }: PreviousRelease): Promise<CheckedOut> {
  const folder = await mkdtemp(join(tmpdir(), 'previous-release-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const archive = join(folder, 'release.tar');
    await run('git', ['archive', '--format=tar', '-o', archive, commit], { cwd: ROOT });
    await run('tar', ['-xf', archive, '-C', folder]);
    if (await samePackages(folder)) await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    else await run('npm', ['ci', '--ignore-scripts'], { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
    await run(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], { cwd: folder });
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function samePackages(folder: string): Promise<boolean> {
  const [own, other] = await Promise.all(
    [ROOT, folder].map((each) => readFile(join(each, 'package-lock.json'), 'utf8')),
  );
  return own === other;
}
