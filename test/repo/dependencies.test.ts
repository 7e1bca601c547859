import { describe, expect, it } from 'vitest';
import { checkDependencies, trackedSources } from './dependencies.ts';

const EMPTY = {
  'api/app.ts': 'export const x = 1;',
  'api/http/problem.ts': 'export const x = 1;',
  'api/alerts/routes.ts': 'export const x = 1;',
  'worker/errors.ts': 'export const x = 1;',
  'worker/test/video-server.ts': 'export const x = 1;',
  'prisma/alerts.ts': 'export type X = 1;',
  'redis/queue.ts': 'export const x = 1;',
  'local/start.ts': 'export const x = 1;',
  'test/harness/ports.ts': 'export const x = 1;',
  'chaos/checker.ts': 'export const x = 1;',
};

/** Returns the rules that one more file next to the empty modules above breaks. */
async function violationsOf(path: string, text: string): Promise<string[]> {
  const { modules, violations } = await checkDependencies({ ...EMPTY, [path]: text });
  expect(modules).toBeGreaterThan(Object.keys(EMPTY).length);
  return violations;
}

describe('module boundaries', () => {
  it('hold in this repository', { timeout: 300_000 }, async () => {
    const { modules, violations } = await checkDependencies(trackedSources());
    expect(modules).toBeGreaterThan(300);
    expect(violations).toEqual([]);
  });

  it.each([
    [
      'api/x.ts',
      "import { x } from '../worker/errors.ts';",
      'worker/errors.ts: api and worker never import each other',
    ],
    ['worker/x.ts', "import { x } from '#api/app.ts';", 'api/app.ts: api and worker never import each other'],
    ['api/x.ts', "import { type X } from '../prisma/alerts.ts';", 'prisma/alerts.ts: use #module/… to import'],
    ['redis/test/x.ts', "import { x } from '../../test/harness/ports.ts';", 'ports.ts: use #module/… to import'],
    ['redis/x.ts', "import { type X } from '#prisma/alerts.ts';", 'prisma/alerts.ts: redis imports only'],
    ['redis/x.ts', "import type { X } from '#prisma/alerts.ts';", 'prisma/alerts.ts: redis imports only'],
    ['redis/x.ts', "export type { X } from '#prisma/alerts.ts';", 'prisma/alerts.ts: redis imports only'],
    ['prisma/x.ts', "const x = await import('#redis/queue.ts');", 'redis/queue.ts: prisma imports only'],
    ['async/x.ts', "import '#prisma/alerts.ts';", 'prisma/alerts.ts: async imports only async'],
    ['worker/x.ts', "export { x } from '#local/start.ts';", 'local/start.ts: worker imports only'],
    ['api/http/x.ts', "import { x } from '../alerts/routes.ts';", 'api/alerts/routes.ts: the layers of the api'],
    ['api/alerts/x.ts', "import { x } from '../app.ts';", 'api/app.ts: the layers of the api'],
    ['worker/x.ts', "import { x } from './test/video-server.ts';", 'worker/test/video-server.ts: production code'],
    ['local/x.ts', "import { x } from '#worker/errors.ts';", 'worker/errors.ts: local imports only'],
    ['local/x.ts', "import { x } from '#test/harness/ports.ts';", 'test/harness/ports.ts: production code'],
    ['api/x.ts', "import { x } from '#chaos/checker.ts';", 'chaos/checker.ts: production code'],
    ['worker/x.ts', "import express from 'express';", 'express/index.js: this package belongs to another module'],
    ['worker/x.ts', "import type { Express } from 'express';", 'express/index.js: this package belongs to another'],
    ['redis/x.ts', "import { it } from 'vitest';", 'vitest/dist/index.js: this package belongs to another module'],
    ['api/x.ts', "import { x } from './missing.ts';", './missing.js: no such file or package'],
    ['api/x.ts', "import { x } from './x.ts';\nexport { x };", 'api/x.ts: import cycle'],
  ])('%s may not contain %j', async (path, text, expected) => {
    const violations = await violationsOf(path, text);
    expect(violations.join('\n')).toContain(expected);
  });

  it.each([
    ['api/x.ts', "import { x } from './app.ts';\nimport type { X } from '#prisma/alerts.ts';"],
    ['api/alerts/x.ts', "import { x } from '../http/problem.ts';\nimport { z } from 'zod';\nimport fs from 'node:fs';"],
    ['worker/x.ts', "// import x from '../api/app.ts';\nexport const text = 'https://a/b';"],
    ['redis/test/x.ts', "import { it } from 'vitest';\nimport { x } from '#test/harness/ports.ts';"],
    ['chaos/x.ts', "import { x } from '#api/app.ts';\nimport { y } from '#worker/errors.ts';"],
  ])('%s may contain %j', async (path, text) => {
    expect(await violationsOf(path, text)).toEqual([]);
  });
});
