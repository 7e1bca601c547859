import { readFileSync } from 'node:fs';

export type Rule = { pattern: RegExp; instead: string; allowed: string[] };

/** Reads the word list: one rule per line, `pattern | instead | allowed paths`. The pattern may contain `|` without spaces. */
export function readRules(file: URL): Rule[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [pattern = '', instead = '', allowed = ''] = line.split(' | ');
      return {
        pattern: new RegExp(`\\b(?:${pattern})\\b`, 'gi'),
        instead,
        allowed: allowed.split(', ').filter(Boolean),
      };
    });
}

/** Returns one line for each use of a listed word; words inside identifiers count too. */
export function findWords(rules: Rule[], path: string, text: string): string[] {
  const applying = rules.filter(({ allowed }) => !allowed.some((prefix) => path.startsWith(prefix)));
  return text.split('\n').flatMap((line, index) => {
    const words = line.replaceAll('_', ' ').replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2');
    return applying.flatMap(({ pattern, instead }) =>
      [...words.matchAll(pattern)].map(([word]) => `${path}:${index + 1}: "${word}", use: ${instead}`),
    );
  });
}
