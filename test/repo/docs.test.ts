import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FailureCode } from '#prisma/generated/enums.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const readme = read('README.md');

/** First cells of the table that stands under a heading. */
function table(heading: string): string[] {
  const [, section = ''] = readme.split(`## ${heading}\n`);
  return [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell);
}

/** The variables that the entries' zod fields know. */
function variables(): string[] {
  const files = [
    'api/config.ts',
    'worker/config.ts',
    'prisma/config.ts',
    'redis/contract.ts',
    'observability/config.ts',
    'local/start.ts',
  ];
  const names = files.flatMap((file) =>
    [...read(file).matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name = '']) => name),
  );
  return [...new Set(names)].sort();
}

describe('the README', () => {
  it('explains every failure code, and no other', () => {
    expect(table('Failure codes').sort()).toEqual(Object.values(FailureCode).sort());
  });

  it('lists every variable, and no other', () => {
    expect(variables()).toContain('DATABASE_URL');
    expect(table('Configuration').sort()).toEqual(variables());
  });

  it('has every variable in .env.example too', () => {
    const example = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(([, name = '']) => name);
    expect(example).toEqual(expect.arrayContaining(variables()));
  });

  it('names no command that is not there', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = [...readme.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own ?? '');
    expect(named).toContain('start');
    for (const name of named) expect(scripts, name).toHaveProperty(name);
  });

  it('names no file that is not there', () => {
    const named = [...readme.matchAll(/`((?:api|worker|prisma|redis|nginx|signals|\.ci)\/[\w./-]*|[\w.-]+\.ts)[ `]/g)];
    expect(named.length).toBeGreaterThan(10);
    for (const [, file = ''] of named) expect(existsSync(new URL(`../../${file}`, import.meta.url)), file).toBe(true);
  });
});
