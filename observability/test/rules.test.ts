import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { findTestProgram } from '#test/harness/system-packages.ts';

const FOLDER = join(import.meta.dirname, '../prometheus');
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

const found = await findTestProgram({ commands: ['promtool'], aptPackage: 'prometheus' }, process.env);

const names = [...read('rules.yml').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);

describe.skipIf('missing' in found)('the alerting rules', () => {
  const run = promisify(execFile);
  const promtool = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run('path' in found ? found.path : '', args, { cwd: FOLDER });
    return stdout + stderr;
  };
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rules-'));
    return () => rm(folder, { recursive: true });
  });

  it('are what Prometheus understands, and so is its configuration', async () => {
    expect(await promtool('check', 'rules', 'rules.yml')).toContain(`${names.length} rules found`);
    await promtool('check', 'config', '--syntax-only', 'prometheus.yml');
  });

  it('fire and keep silent as rules.test.yml says', async () => {
    expect(await promtool('test', 'rules', 'rules.test.yml')).toContain('SUCCESS');
  });

  // Each test compares the alerts of one rule, so one run of promtool covers all rules.
  it.each([
    ['never fire', 'vector(1) > 2'],
    ['always fire', 'vector(1)'],
  ])('have tests that fail if the rules %s', async (_, instead) => {
    const expr = /(- alert: \w+\n +expr: )(?:.*)(?:\n {10,}.*)*/g;
    expect(read('rules.yml').match(expr)).toHaveLength(names.length);
    await writeFile(join(folder, 'rules.test.yml'), read('rules.test.yml'));
    await writeFile(join(folder, 'rules.yml'), read('rules.yml').replace(expr, `$1${instead}`));
    await promtool('check', 'rules', join(folder, 'rules.yml'));
    const failed = await promtool('test', 'rules', join(folder, 'rules.test.yml')).catch((error) => error);
    expect(failed).toHaveProperty('stderr');
    const reported = new Set([...failed.stderr.matchAll(/alertname: (\w+)/g)].map(([, name]) => name));
    expect(names.filter((name) => !reported.has(name))).toEqual([]);
  });
});
