import { expect, it } from 'vitest';
import { readCapacityOptions } from '../capacity/options.ts';

it.each([
  [['--seconds', '0'], '--seconds:'],
  [['--backend', 'both'], '--backend: must be redis or postgres'],
  [['--cores', '1.5'], '--cores:'],
  [['--seconds', '61'], '--seconds: must be 1 to 60'],
  [['--simulate', '--seconds', '3'], '--seconds: must be 24 to 600'],
  [['--core', '5'], "Unknown option '--core'"],
])('rejects %j with the reason and the usage', (args, reason) => {
  expect(() => readCapacityOptions(args)).toThrow(reason);
  expect(() => readCapacityOptions(args)).toThrow('Usage: npm run capacity');
});

it('predicts for this machine first, then for the requested one or for three larger ones', () => {
  expect(readCapacityOptions([], 2)).toMatchObject({ backend: 'redis', seconds: 8, cores: [2, 4, 8, 16] });
  expect(readCapacityOptions([], 8)?.cores).toEqual([8, 4, 16]);
  expect(readCapacityOptions(['--cores', '64', '--quick'], 2)).toMatchObject({ seconds: 3, cores: [2, 64] });
  expect(readCapacityOptions(['--simulate'])).toMatchObject({ stores: 10_000, seconds: 240, rate: 40, seed: 1 });
  expect(readCapacityOptions(['--help'])).toBeUndefined();
});
