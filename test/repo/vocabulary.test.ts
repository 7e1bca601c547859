import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findWords, readRules } from './vocabulary.ts';

const ROOT = join(import.meta.dirname, '../..');
const rules = readRules(new URL('vocabulary.txt', import.meta.url));
const BINARY = /\.(webp|png|svg|avi|mp4|mov|mkv|webm|pem)$/;
/** The word list and its tests; applied migrations, whose text may never change; texts of others. */
const EXEMPT = /^(test\/repo\/vocabulary\.|prisma\/migrations\/|package-lock\.json$|LICENSE$)/;

it('uses only plain words', () => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const paths = listed.toString().split('\n').filter(Boolean);
  const checked = paths.filter((path) => !BINARY.test(path) && !EXEMPT.test(path) && existsSync(join(ROOT, path)));
  expect(checked.length).toBeGreaterThan(300);
  expect(
    checked.flatMap((path) => findWords(rules, path, `${path}\n${readFileSync(join(ROOT, path), 'utf8')}`)),
  ).toEqual([]);
});

it.each([
  ['const x = 1; // the Ledger', 'Ledger'],
  ['const ledgerEntry = 1;', 'ledger'],
  ["name: 'alerts_owed_total'", 'owed'],
  ['a file of our own', 'of our own'],
])('finds the word in %j', (text, word) => {
  expect(findWords(rules, 'api/x.ts', text)).toEqual([expect.stringContaining(`api/x.ts:1: "${word}"`)]);
});

it.each(['drilled', 'the stack', 'a failure', 'blown'])('accepts %j', (text) => {
  expect(findWords(rules, 'api/x.ts', text)).toEqual([]);
});

it('allows a word in the files that its rule names', () => {
  const fault = [{ pattern: /\bfault\b/gi, instead: 'error', allowed: ['chaos/'] }];
  expect(findWords(fault, 'chaos/faults.ts', 'a fault')).toEqual([]);
  expect(findWords(fault, 'api/app.ts', 'a fault')).toHaveLength(1);
});
