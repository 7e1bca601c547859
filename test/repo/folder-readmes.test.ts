import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  .toString()
  .split('\n')
  .filter((path) => existsSync(join(ROOT, path)));
const topFolders = new Set(tracked.filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''));
/** Every top-level folder has a README; further folders may have one. docs/decisions has an index of its own size. */
const documented = new Set([
  ...[...topFolders].filter((folder) => !folder.startsWith('.')),
  ...tracked.filter((path) => /^(?!docs\/decisions|.*\/test\/).+\/README\.md$/.test(path)).map((path) => dirname(path)),
]);
const MAX_LINES = 15;

/** Files and folders directly in a folder, without its tests, its README and data. */
function entriesOf(folder: string): string[] {
  const inside = tracked.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  const names = new Set(inside.map((path) => (path.includes('/') ? `${path.split('/')[0]}/` : path)));
  return [...names].filter((name) => name !== 'README.md' && (folder === 'test' || name !== 'test/'));
}

it.each([...documented])('%s/README.md has at most 15 lines and names exactly what is in the folder', (folder) => {
  const readme = readFileSync(join(ROOT, folder, 'README.md'), 'utf8');
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_LINES);
  const missing = entriesOf(folder).filter((name) => !readme.includes(name.replace(/\/$/, '')));
  expect(missing).toEqual([]);
  const named = [...readme.matchAll(/`([\w.][\w./-]*\.(?:ts|js|json|sql|prisma|conf|yml|md|toml)|[\w.][\w./-]*\/)`/g)];
  const unknown = named
    .map(([, name = '']) => name)
    .filter((name) => !existsSync(join(ROOT, folder, name)) && !existsSync(join(ROOT, name)));
  expect(unknown).toEqual([]);
});
