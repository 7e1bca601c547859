import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trackedSources } from './dependencies.ts';

const ROOT = join(import.meta.dirname, '../..');
const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
/** Folders of the sources in the image. */
const FOLDERS = [...dockerfile.matchAll(/^COPY (\w+) \1$/gm)].map(([, folder = '']) => folder);
const DELETIONS = [...dockerfile.matchAll(/&& (find node_modules.*? -delete)( \\)?$/gm)].map(([, find = '']) => find);

const run = promisify(execFile);
let app = '';

type Locked = { dev?: boolean; optional?: boolean; devOptional?: boolean };

/** A folder like the image's /app, without @ffprobe-installer. */
beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'image-'));
  const lock: { packages: Record<string, Locked> } = JSON.parse(
    await readFile(join(ROOT, 'package-lock.json'), 'utf8'),
  );
  const packages = Object.entries(lock.packages)
    .filter(([path, { dev, optional, devOptional }]) => path && !dev && !optional && !devOptional)
    .map(([path]) => path);
  for (const path of packages) await cp(join(ROOT, path), join(app, path), { recursive: true });
  for (const folder of FOLDERS) await cp(join(ROOT, folder), join(app, folder), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(app, 'package.json'));
  for (const deletion of DELETIONS) await run('sh', ['-c', deletion], { cwd: app });
}, 180_000);

afterAll(() => rm(app, { recursive: true, force: true }));

/** Runs Node in the folder and returns what it prints, whether it succeeds or not. */
async function outputOf(...args: string[]): Promise<string> {
  const options = { cwd: app, env: { DATABASE_URL: 'invalid' } };
  const { stdout, stderr } = await run(process.execPath, args, options).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
}

it('deletes the files that nothing needs', () => {
  expect(DELETIONS).toHaveLength(3);
  expect(FOLDERS).toContain('worker');
});

it.each([
  'api/index.ts',
  'worker/index.ts',
  'prisma/migrate.ts',
  'redis/migrate.ts',
  'api/auth/keys-cli.ts',
  'api/audit/audit-cli.ts',
  'api/media/copies-cli.ts',
  'archive/cli.ts',
  'backup/backup-cli.ts',
  'backup/restore-cli.ts',
])('%s loads all of its modules, and then rejects DATABASE_URL', async (entry) => {
  const output = await outputOf(entry);
  expect(output).toMatch(/DATABASE_URL/);
  expect(output).not.toMatch(/ERR_|Cannot find/);
});

it('has the packages that are imported on demand', async () => {
  const imports = Object.entries(trackedSources())
    .filter(([path]) => FOLDERS.includes(path.split('/')[0] ?? '') && !path.includes('/test/'))
    .flatMap(([, text]) => [...text.matchAll(/\bimport\('([^.#'][^']*)'\)/g)].map(([, name = '']) => name));
  expect(imports).toContain('pino-pretty');
  const program = `for (const name of ${JSON.stringify(imports)}) await import(name); console.log('imported')`;
  expect(await outputOf('--input-type=module', '-e', program)).toBe('imported\n');
});
