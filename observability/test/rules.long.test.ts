import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { found, names, promtool, read } from './rules-fixture.ts';

describe.skipIf('missing' in found)('the alerting rules', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rules-'));
    return () => rm(folder, { recursive: true });
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
