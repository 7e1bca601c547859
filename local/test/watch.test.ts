import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { affectedServices, watchedFolders, watchSources } from '../watch.ts';

const ROOT = join(import.meta.dirname, '../..');
const SERVICES = [
  { name: 'file server', entry: 'local/file-server.ts' },
  { name: 'worker', entry: 'worker/index.ts' },
  { name: 'api', entry: 'api/index.ts' },
];

describe('npm run dev', () => {
  it('watches every folder of product code', async () => {
    const folders = [
      'api',
      'archive',
      'async',
      'config',
      'destinations',
      'local',
      'media',
      'observability',
      'postgres',
      'prisma',
      'redis',
      'sources',
    ];
    expect(await watchedFolders(ROOT, SERVICES)).toEqual([...folders, 'worker']);
  });

  it.each([
    ['observability/log.ts', ['worker', 'api']],
    ['config/fields.ts', ['worker', 'api']],
    ['prisma/client.ts', ['worker', 'api']],
    ['redis/queue.ts', ['worker', 'api']],
    ['worker/reconcile.ts', ['worker']],
    ['api/dashboard/browser/main.js', ['api']],
    ['local/file-server.ts', ['file server']],
  ])('restarts for %s: %j', async (file, names) => {
    expect(await affectedServices(ROOT, SERVICES, file)).toEqual(names);
  });
});

describe('watchSources', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'watch-'));
    onTestFinished(() => rm(root, { recursive: true }));
    for (const folder of ['a', 'b/test', 'c']) await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, 'a/index.ts'), "import { x } from '#b/x.ts';\n");
    await writeFile(join(root, 'b/x.ts'), "export const x = await import('./y.ts');\n");
    await writeFile(join(root, 'b/y.ts'), '');
    await writeFile(join(root, 'c/index.ts'), '');
  });

  it('reports the services that import a changed file, directly or indirectly, and ignores tests', async () => {
    const reported: unknown[] = [];
    const services = [
      { name: 'a', entry: 'a/index.ts' },
      { name: 'c', entry: 'c/index.ts' },
    ];
    const watcher = await watchSources({ root, services, onChange: (file, names) => reported.push([file, names]) });
    onTestFinished(() => watcher.close());
    await writeFile(join(root, 'b/test/y.test.ts'), '1\n');
    await writeFile(join(root, 'c/index.ts'), '1\n');
    await expect.poll(() => reported, { timeout: 150_000 }).toEqual([['c/index.ts', ['c']]]);
    await writeFile(join(root, 'b/y.ts'), '1\n');
    await expect.poll(() => reported.at(-1), { timeout: 150_000 }).toEqual(['b/y.ts', ['a']]);
  });
});
