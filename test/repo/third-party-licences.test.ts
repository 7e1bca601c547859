import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { licenceTable, lockedPackages } from './third-party-licences.ts';

const ROOT = join(import.meta.dirname, '../..');
const packages = lockedPackages();
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** What may be shipped with an MIT program: each of these asks for its notice, or that its own files stay under it. */
const LICENCES = new Set(
  ['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'Apache-2.0', 'Unlicense', 'MPL-2.0'].concat([
    'MIT OR Apache-2.0',
    '(MIT OR CC0-1.0)',
    'MIT and ISC',
  ]),
);
/** A program that is run, never linked: its licence does not reach ours. */
const RUN_ONLY = /^@ffprobe-installer\//;

/** Optional packages of machines that nobody here has: their registry entries could not be read to learn the hash. */
const UNHASHED = /^@biomejs\/cli-(android|darwin|win32|linux-.*-musl)|^@msgpackr-extract\//;

it('installs nothing whose content could change under its version', () => {
  const loose = packages.filter(({ integrity, name }) => !integrity?.startsWith('sha512-') && !UNHASHED.test(name));
  expect(loose).toEqual([]);
  expect(packages.filter(({ name }) => UNHASHED.test(name)).every(({ optional }) => optional)).toBe(true);
  const elsewhere = packages.filter(({ resolved = 'https://registry.npmjs.org/' }) => !/^https:/.test(resolved));
  expect(elsewhere).toEqual([]);
});

it('names exact versions of what it depends on', () => {
  const wanted = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))).toEqual([]);
});

it('has decided about every install script', () => {
  const undecided = packages.filter(
    ({ name, hasInstallScript }) => hasInstallScript && manifest.allowScripts[name] === undefined,
  );
  expect(undecided.map(({ name }) => name)).toEqual([]);
  const gone = Object.keys(manifest.allowScripts).filter((name) => !packages.some((each) => each.name === name));
  expect(gone).toEqual([]);
});

it('lets no package tell anybody that it was installed', () => {
  // Its script runs on an npm that does not know allowScripts yet: then its own switch holds.
  expect(packages.filter(({ name }) => /scarf/.test(name))).toHaveLength(1);
  expect(manifest).toMatchObject({ scarfSettings: { enabled: false }, allowScripts: { '@scarf/scarf': false } });
});

it('ships under licences that allow it', () => {
  const shipped = packages.filter(({ dev, optional, name }) => !dev && !optional && !RUN_ONLY.test(name));
  expect(shipped.length).toBeGreaterThan(50);
  const others = shipped.filter(({ licence }) => !LICENCES.has(licence ?? ''));
  expect(others.map(({ name, licence }) => `${name}: ${licence}`)).toEqual([]);
});

it('lists each shipped package under its licence', () => {
  const table = licenceTable(packages.filter(({ dev }) => !dev));
  for (const name of Object.keys(manifest.dependencies)) expect(table).toContain(` ${name}@`);
});

it('describes itself as a software bill of materials', () => {
  const [, ...args] = manifest.scripts.sbom.split(' ');
  const bill = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }));
  expect(bill.bomFormat).toBe('CycloneDX');
  const names = new Set(
    bill.components.map(({ group, name }: Record<string, string>) => (group ? `${group}/` : '') + name),
  );
  for (const name of Object.keys(manifest.dependencies)) expect(names, name).toContain(name);
});

it('installs from the lock file alone wherever it is installed', () => {
  const places = ['Dockerfile', '.ci/run', ...globSync('.github/workflows/*.yml', { cwd: ROOT })];
  for (const place of places) {
    expect(read(place), place).not.toMatch(/npm (install|i|add|update)\b|\bnpx\b|yarn|pnpm/);
  }
  expect(places.filter((place) => /npm ci\b/.test(read(place)))).toContain('Dockerfile');
});

it('runs actions of others at one commit, with no right to write', () => {
  for (const workflow of globSync('.github/workflows/*.yml', { cwd: ROOT })) {
    const uses = [...read(workflow).matchAll(/uses:\s*(\S+)/g)].map(([, action]) => action);
    expect(uses.filter((action) => !/@[0-9a-f]{40}$/.test(action ?? ''))).toEqual([]);
    expect(read(workflow)).toMatch(/^permissions:\n {2}contents: read$/m);
  }
});
