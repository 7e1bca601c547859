import { expect, it } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { readOptions } from '../options.ts';

it('reports a missing Redis in one sentence', async () => {
  const { out, err, code } = await runCommand('chaos/index.ts', ['--backend', 'redis'], { PATH: '/nowhere' });
  expect(err).toBe('redis-server is not on the PATH: install it, or use --backend postgres\n');
  expect({ out, code }).toEqual({ out: '', code: 1 });
});

it('prints the usage for --help', async () => {
  const { out, code } = await runCommand('chaos/index.ts', ['--help']);
  expect(out).toMatch(/^Usage: npm run chaos/);
  expect(code).toBe(0);
});

it('rejects invalid options with a sentence for each, and the usage', () => {
  expect(() => readOptions(['--alerts', 'many', '--backend', 'kafka'])).toThrow(
    /--backend: must be redis or postgres\n--alerts: .+\n\nUsage: npm run chaos/s,
  );
});

it('has a scenario for each kind of fault, on the backends that it applies to', () => {
  expect(readOptions(['--scenario', 'lock-table'])).toMatchObject({ scenario: 'lock-table', backend: 'postgres' });
  expect(readOptions(['--scenario', 'fill-redis', '--backend', 'redis'])).toMatchObject({ scenario: 'fill-redis' });
  expect(() => readOptions(['--scenario', 'fill-redis'])).toThrow('--scenario: needs --backend redis');
  expect(readOptions(['--scenario', 'kill-api,lock-table'])).toMatchObject({ scenario: 'kill-api,lock-table' });
  expect(() => readOptions(['--scenario', 'kill-api,fill-redis'])).toThrow('--scenario: needs --backend redis');
  expect(() => readOptions(['--scenario', 'kill-api,rolling'])).toThrow('--scenario: must be');
  expect(() => readOptions(['--scenario', 'earthquake'])).toThrow(
    '--scenario: must be faults, flush, rolling, outage or',
  );
});

it('has three destinations by default, and requires at least one for their faults', () => {
  expect(readOptions([])).toMatchObject({ destinations: 3 });
  expect(readOptions(['--destinations', '0'])).toMatchObject({ destinations: 0 });
  expect(readOptions(['--scenario', 'stop-receiver'])).toMatchObject({ scenario: 'stop-receiver' });
  expect(() => readOptions(['--scenario', 'stop-receiver', '--destinations', '0'])).toThrow('needs destinations');
  expect(() => readOptions(['--destinations', '4'])).toThrow('--destinations: must be 0 to 3');
});

it('gives a slow machine more time', () => {
  expect(readOptions(['--slowdown', '10'])).toMatchObject({ slowdown: 10, minutes: 82 });
  expect(readOptions([])).toMatchObject({ slowdown: 1, minutes: 10 });
  expect(() => readOptions(['--slowdown', '0.5'])).toThrow('--slowdown: ');
});

it('takes only --rate for the target compose', () => {
  expect(readOptions(['--target', 'compose'])).toEqual({ target: 'compose', rate: 20 });
  expect(readOptions(['--target', 'compose', '--rate', '5'])).toEqual({ target: 'compose', rate: 5 });
  expect(() => readOptions(['--target', 'compose', '--seed', '1'])).toThrow('only --rate applies to --target compose');
  expect(() => readOptions(['--target', 'compose', '--rate', '101'])).toThrow('--rate: must be 1 to 100');
});
