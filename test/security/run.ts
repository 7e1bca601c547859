import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attack, Result, Target } from './attack.ts';

export type Row = { target: Target['name']; attack: Attack; result: Result };

const FOLDER = join(import.meta.dirname, 'attacks');

/** Returns the attacks of the folder attacks/, in the order of the review. */
export async function loadAttacks(): Promise<Attack[]> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.ts'));
  const modules: { attack: Attack }[] = await Promise.all(files.map((name) => import(join(FOLDER, name))));
  return modules.map(({ attack }) => attack).toSorted((a, b) => a.item - b.item);
}

/** Runs the attacks one after the other. `onRow` gets each result at once. */
export async function runAttacks(
  target: Target,
  attacks: readonly Attack[],
  onRow: (row: Row) => void = () => {},
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const attack of attacks) {
    const result = await attack.run(target).catch((error: Error): Result => {
      return { defended: false, observed: `the attack failed: ${error.message}` };
    });
    if (result === undefined) continue;
    const row = { target: target.name, attack, result };
    rows.push(row);
    onRow(row);
  }
  return rows;
}

/** Returns the rows as a Markdown table. */
export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map(({ target, attack, result }) => [
    `${attack.item}`,
    target,
    attack.name,
    attack.limit,
    `${result.defended ? 'ok' : 'FAILED'}: ${result.observed}`,
  ]);
  const lines = [
    ['item', 'stack', 'attack', 'limit', 'observed result'],
    ['---', '---', '---', '---', '---'],
    ...cells,
  ];
  return lines.map((line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}
