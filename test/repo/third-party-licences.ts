// Beside the rooms because what is installed belongs to none of them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Package = {
  name: string;
  version: string;
  licence: string | undefined;
  integrity: string | undefined;
  /** A URL where npm was not to ask its registry: a tarball, a repository. */
  resolved: string | undefined;
  /** True: an install of the running house leaves it out. */
  dev: boolean;
  /** True: installed only on the platforms it names, or for a package that asks for it. */
  optional: boolean;
  hasInstallScript: boolean;
};

/** Every package of package-lock.json, those of other platforms too. */
export function lockedPackages(): Package[] {
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'));
  const entries = Object.entries<Record<string, unknown>>(lock.packages).filter(([path]) => path !== '');
  return entries.map(([path, entry]) => ({
    name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version: String(entry.version),
    licence: entry.license === undefined ? undefined : String(entry.license),
    integrity: entry.integrity === undefined ? undefined : String(entry.integrity),
    resolved: entry.resolved === undefined ? undefined : String(entry.resolved),
    dev: entry.dev === true,
    optional: entry.optional === true || entry.devOptional === true,
    hasInstallScript: entry.hasInstallScript === true,
  }));
}

/** One line per licence: how many packages, and which. */
export function licenceTable(packages: Package[]): string {
  const byLicence = new Map<string, Set<string>>();
  for (const { name, version, licence = 'not stated' } of packages) {
    const names = byLicence.get(licence) ?? new Set();
    byLicence.set(licence, names.add(`${name}@${version}`));
  }
  const rows = [...byLicence].sort(([, a], [, b]) => b.size - a.size);
  return rows.map(([licence, names]) => `${licence} (${names.size}): ${[...names].sort().join(', ')}\n`).join('\n');
}

// `npm run licences`: what the running house is made of; its tools stay where they were made.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(licenceTable(lockedPackages().filter(({ dev }) => !dev)));
}
