import { expect, it } from 'vitest';
import { styleErrors } from './code-style.ts';
import { trackedSources } from './dependencies.ts';

it('finds no style error in this repository', () => {
  const sources = Object.entries(trackedSources());
  expect(sources.length).toBeGreaterThan(300);
  const found = sources.flatMap(([path, text]) => styleErrors(path, text).map((error) => `${path} ${error}`));
  expect(found).toEqual([]);
});

it.each([
  ['worker/x.ts', 'const { A } = process.env;', 'reads the environment and is not an entry file'],
  ['worker/x.ts', "import { env } from 'node:process';", 'reads the environment and is not an entry file'],
  ['queue/x.ts', 'const x = 1;', 'is in a folder that the layout does not have'],
  ['api/utils/x.ts', 'const x = 1;', 'has a name that says nothing'],
  ['api/helpers.ts', 'const x = 1;', 'has a name that says nothing'],
  ['redis/index.ts', "// all\nexport * from './a.ts';\nexport { b } from './b.ts';\n", 'only re-exports'],
  ['api/x.ts', 'const x = 1;\n'.repeat(251), 'has more than 250 lines and gives no reason in its first line'],
])('reports that %s with %j breaks a rule', (path, text, error) => {
  expect(styleErrors(path, text)).toEqual([error]);
});

it.each([
  ['prisma/migrate.ts', "import 'node:fs';\nconst { DATABASE_URL } = process.env;"],
  ['api/test/x.ts', 'const { A } = process.env;'],
  ['worker/x.ts', "// process.env is read by entry files\nconst x = 'https://a/b';"],
  ['worker/long.ts', `// A table: one line per case.\n${'const x = 1;\n'.repeat(300)}`],
  ['vitest.config.ts', 'const { A } = process.env;'],
])('accepts %s with %j', (path, text) => {
  expect(styleErrors(path, text)).toEqual([]);
});
