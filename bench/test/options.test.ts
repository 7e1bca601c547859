import { expect, it } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { readOptions } from '../options.ts';

it.each([
  [['--runs', '0'], '--runs:'],
  [['--set', 'all-of-them'], '--set: must be avi, mix, samples or all'],
  [['--env', 'concurrency'], '--env: must be NAME=VALUE'],
  [['--compare', 'HEAD', '--soak'], '--compare does not work with --soak'],
  [['--data-size', '--rows', '1,0'], '--rows: must be ascending numbers of 0 to 50'],
  [['--data-size', '--rows', '51'], '--rows: must be ascending numbers of 0 to 50'],
  [['--alert', '5'], "Unknown option '--alert'"],
])('rejects %j with the reason and the usage', (args, reason) => {
  expect(() => readOptions(args)).toThrow(reason);
  expect(() => readOptions(args)).toThrow('Usage: npm run bench');
});

it('exits with code 1 and prints nothing on standard output if an option is invalid', async () => {
  const { err, code, out } = await runCommand('bench/index.ts', ['--runs', '0']);
  expect(err).toContain('Usage: npm run bench');
  expect({ code, out }).toEqual({ code: 1, out: '' });
});

it('prints the usage for --help', async () => {
  const { out, code } = await runCommand('bench/index.ts', ['--help']);
  expect(out).toMatch(/^Usage: npm run bench/);
  expect(code).toBe(0);
});

it('measures fewer videos with --quick, and one AVI on Redis in the other modes', () => {
  expect(readOptions(['--quick'])).toMatchObject({ backends: ['redis'], sets: ['avi', 'mix'], seconds: 3 });
  expect(readOptions(['--soak'])).toMatchObject({ mode: 'soak', backends: ['redis'], sets: ['avi'] });
  expect(readOptions(['--pictures'])).toMatchObject({ mode: 'pictures' });
  expect(readOptions(['--outage'])).toMatchObject({ mode: 'outage', backends: ['redis'], sets: ['avi'], rate: 20 });
  expect(readOptions(['--polling'])).toMatchObject({ mode: 'polling', backends: ['redis'] });
  expect(readOptions(['--data-size'])).toMatchObject({ mode: 'data-size', backends: ['redis'], rows: [0, 1, 5] });
  expect(readOptions(['--data-size', '--rows', '0,50'])).toMatchObject({ rows: [0, 50] });
  expect(readOptions(['--slow'])).toMatchObject({ mode: 'slow', backends: ['redis'], sets: ['avi'] });
  expect(readOptions(['--destinations', '3'])).toMatchObject({ destinations: 3, baseline: false });
  expect(readOptions(['--env', 'A=b=c'])?.settings).toEqual({ A: 'b=c' });
});
