import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { renderProfiles, selfTimes } from '../profile.ts';

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

it('shows the newest profile of the main thread', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'profiles-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const service of ['api', 'worker']) await mkdir(join(folder, service));
  const write = (time: string, thread: number, name: string) => {
    const profile = { nodes: [node(1, name)], samples: [1], timeDeltas: [1_000] };
    const file = `CPU.20261128.${time}.17.${thread}.001.cpuprofile`;
    return writeFile(join(folder, 'worker', file), JSON.stringify(profile));
  };
  await write('000100', 0, 'older');
  await write('000200', 0, 'main');
  await write('000300', 1, 'watchdog');
  const rendered = await renderProfiles(folder);
  expect(rendered).toContain('main');
  expect(rendered).not.toMatch(/older|watchdog/);
});
