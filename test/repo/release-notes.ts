import { readFileSync } from 'node:fs';

// Prints the section of CHANGELOG.md for a tag such as v1.2.3: `node test/repo/release-notes.ts v1.2.3`.

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Returns the notes of a version. Throws if a package has another version, or the changelog has no notes. */
export function releaseNotes(tag: string, { changelog, versions }: { changelog: string; versions: string[] }): string {
  const version = tag.replace(/^v/, '');
  const other = versions.find((each) => each !== version);
  if (other !== undefined) throw new Error(`${tag}: the version of package.json or sdk/package.json is ${other}`);
  const [, ...sections] = changelog.split(/^(?=## \[)/m);
  const section = sections.find((each) => each.startsWith(`## [${version}] - `));
  const notes = section?.split('\n').slice(1).join('\n').trim();
  if (!notes) throw new Error(`${tag}: CHANGELOG.md has no notes for ${version}`);
  return notes;
}

if (import.meta.main) {
  const versions = ['package.json', 'sdk/package.json'].map((path): string => JSON.parse(read(path)).version);
  try {
    process.stdout.write(`${releaseNotes(process.argv[2] ?? '', { changelog: read('CHANGELOG.md'), versions })}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
