import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTestProgram } from '#test/harness/system-packages.ts';

const FOLDER = join(import.meta.dirname, '../prometheus');

/** Where promtool is, or why it cannot be used. */
export const found = await findTestProgram({ commands: ['promtool'], aptPackage: 'prometheus' }, process.env);

/** Returns the text of a file of prometheus/. */
export const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

/** The names of all alerting rules. */
export const names = [...read('rules.yml').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);

/** Runs promtool in prometheus/ and returns what it prints. Rejects if it fails. */
export async function promtool(...args: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('path' in found ? found.path : '', args, { cwd: FOLDER });
  return stdout + stderr;
}
