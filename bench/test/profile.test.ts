import { expect, it } from 'vitest';
import { selfTimes } from '../profile.ts';

const node = (id: number, functionName: string, url = '') => ({ id, callFrame: { functionName, url, lineNumber: 9 } });

it('sums the self time of a function over its callers, largest first, without idle time', () => {
  const profile = {
    nodes: [
      node(1, '(root)'),
      node(2, 'slow', 'file:///x/worker/a.ts'),
      node(3, 'quick'),
      node(4, 'slow', 'file:///x/worker/a.ts'),
      node(5, '(idle)'),
    ],
    samples: [2, 3, 4, 5],
    timeDeltas: [2_000, 1_000, 1_000, 90_000],
  };
  expect(selfTimes(profile, 10)).toEqual([
    { name: 'slow worker/a.ts:10', ms: 3, share: 0.75 },
    { name: 'quick', ms: 1, share: 0.25 },
  ]);
  expect(selfTimes(profile, 1)).toHaveLength(1);
});
