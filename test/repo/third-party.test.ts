import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json'));

type Package = {
  name: string;
  license?: string;
  integrity?: string;
  /** A URL if npm does not fetch the package from its registry by name. */
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  hasInstallScript?: boolean;
};

/** Every package of package-lock.json, including those for other platforms. */
const packages: Package[] = Object.entries<Omit<Package, 'name'>>(JSON.parse(read('package-lock.json')).packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ ...entry, name: path.replace(/^.*node_modules\//, '') }));

/** Licences that allow shipping with an MIT program. Each requires its notice, or that its own files keep it. */
const LICENCES = [
  ...['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'Apache-2.0', 'Unlicense', 'MPL-2.0'],
  ...['MIT-0', 'MIT OR Apache-2.0', '(MIT OR CC0-1.0)', 'MIT and ISC'],
];
/** A program that is run and never linked: its licence does not extend to this project. */
const RUN_ONLY = /^@ffprobe-installer\//;
const isOptional = ({ optional, devOptional }: Package) => optional === true || devOptional === true;
const namesOf = (found: Package[]) => found.map(({ name }) => name);

describe('packages', () => {
  it('have a hash, so that their content cannot change under their version', () => {
    expect(namesOf(packages.filter(({ integrity }) => !integrity?.startsWith('sha512-')))).toEqual([]);
  });

  it('are fetched over https', () => {
    const elsewhere = packages.filter(({ resolved = 'https://' }) => !resolved.startsWith('https://'));
    expect(namesOf(elsewhere)).toEqual([]);
  });

  it('are required in exact versions', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))).toEqual([]);
  });

  it('run an install script only if package.json allows or denies it by name', () => {
    const unreviewed = packages.filter(
      ({ name, hasInstallScript }) => hasInstallScript && manifest.allowScripts[name] === undefined,
    );
    expect(namesOf(unreviewed)).toEqual([]);
    const known = new Set(namesOf(packages));
    expect(Object.keys(manifest.allowScripts).filter((name) => !known.has(name))).toEqual([]);
  });

  it('do not report their installation to anyone', () => {
    // Its script runs with an npm that does not know allowScripts; then its own setting disables it.
    expect(packages.filter(({ name }) => /scarf/.test(name))).toHaveLength(1);
    expect(manifest).toMatchObject({ scarfSettings: { enabled: false }, allowScripts: { '@scarf/scarf': false } });
  });

  it('of the production image have a licence that allows shipping them', () => {
    const shipped = packages.filter((each) => !each.dev && !isOptional(each) && !RUN_ONLY.test(each.name));
    expect(shipped.length).toBeGreaterThan(50);
    const others = shipped.filter(({ license }) => !LICENCES.includes(license ?? ''));
    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });
});

it('npm run sbom lists every dependency with its licence', () => {
  const [, ...args] = manifest.scripts.sbom.split(' ');
  const bill = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }));
  expect(bill.bomFormat).toBe('CycloneDX');
  type Component = { group?: string; name: string; licenses?: unknown[] };
  const nameOf = ({ group, name }: Component) => (group ? `${group}/${name}` : name);
  const licensed = bill.components.filter(({ licenses = [] }: Component) => licenses.length > 0).map(nameOf);
  for (const name of Object.keys(manifest.dependencies)) expect(licensed, name).toContain(name);
});

it('installs only from the lock file', () => {
  const files = ['Dockerfile', '.ci/run', ...globSync('.github/workflows/*.yml', { cwd: ROOT })];
  for (const file of files) {
    expect(read(file), file).not.toMatch(/npm (install|i|add|update)\b|\bnpx\b|yarn|pnpm/);
  }
  expect(files.filter((file) => /npm ci\b/.test(read(file)))).toContain('Dockerfile');
});

it('uses actions of others at one commit and without write permission', () => {
  for (const workflow of globSync('.github/workflows/*.yml', { cwd: ROOT })) {
    const uses = [...read(workflow).matchAll(/uses:\s*(\S+)/g)].map(([, action]) => action);
    expect(uses.filter((action) => !/@[0-9a-f]{40}$/.test(action ?? ''))).toEqual([]);
    expect(read(workflow)).toMatch(/^permissions:\n {2}contents: read$/m);
  }
});

it('lets an update bot pin images and actions, and runs CI on the project’s Node', () => {
  const { extends: presets } = JSON.parse(read('renovate.json'));
  expect(presets).toContain('docker:pinDigests');
  expect(presets).toContain('helpers:pinGitHubActionDigests');
  const workflow = read('.github/workflows/ci.yml');
  expect(workflow).not.toMatch(/node-version:/);
  expect(workflow.match(/node-version-file: \.nvmrc/g)).toHaveLength(
    workflow.match(/actions\/setup-node@/g)?.length ?? 0,
  );
  for (const command of ['npm audit --audit-level=high', 'npm audit signatures', 'aquasec/trivy:']) {
    expect(workflow).toContain(command);
  }
});

it('names a version for every image', () => {
  const images = [...`${read('compose.yml')}\n${read('nginx/tls/compose.yml')}`.matchAll(/^ +image: (\S+)$/gm)];
  for (const [, image = ''] of images)
    if (!image.startsWith('video-alerts')) expect(image).toMatch(/:v?\d+[\w.-]*(@sha256:[0-9a-f]{64})?$/);
});
