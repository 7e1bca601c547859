import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrationNames } from '#prisma/migration-files.ts';
import { previousRelease } from '../upgrade/previous-release.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] }).toString();

/** Versions with an entry in the changelog, newest first. */
const entries = [...read('CHANGELOG.md').matchAll(/^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$/gm)].map(
  ([, version = '']) => version,
);
const { version } = JSON.parse(read('package.json'));

describe('a release', () => {
  it('has an entry in the changelog, with its date', () => {
    expect(entries[0]).toBe(version);
    expect(new Set(entries).size).toBe(entries.length);
  });

  it('has the same version in package.json, package-lock.json, the image and the client', () => {
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({ version, packages: { '': { version } } });
    expect(read('Dockerfile')).toContain(`ARG VERSION=${version}\n`);
    expect(JSON.parse(read('sdk/package.json')).version).toBe(version);
  });
});

describe('the previous release', async () => {
  const previous = await previousRelease();
  const known = (() => {
    try {
      git('cat-file', '-e', `${previous.commit}^{commit}`);
      return true;
    } catch {
      return false; // a shallow clone
    }
  })();

  it('has an entry in the changelog and a migration of this repository', async () => {
    expect(entries).toContain(previous.version);
    expect(await migrationNames()).toContain(previous.migration);
  });

  it.skipIf(!known)('is an ancestor of the current code, with that version and last migration', () => {
    git('merge-base', '--is-ancestor', previous.commit, 'HEAD');
    expect(JSON.parse(git('show', `${previous.commit}:package.json`)).version).toBe(previous.version);
    const migrations = git('ls-tree', '-d', '--name-only', `${previous.commit}:prisma/migrations`).trim().split('\n');
    expect(migrations.toSorted().at(-1)).toBe(previous.migration);
  });
});
