import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compileCache } from '#test/harness/process.ts';
import { migrateQueue } from '../migrate.ts';
import { openAlertQueue } from '../queue.ts';
import { createDatabase, newJob } from './queue-fixture.ts';

const MIGRATE = fileURLToPath(new URL('../migrate.ts', import.meta.url));
const UNREACHABLE = 'postgres://alerts:s3cret@127.0.0.1:1/alerts';

async function expectAcceptsJobs(url: string): Promise<void> {
  const queue = openAlertQueue(url, () => {});
  await queue.enqueue(newJob()).finally(() => queue.close());
}

/** Runs the program with exactly this environment. */
function runProgram(env: Record<string, string>): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MIGRATE], { env: { ...compileCache(), ...env } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('migrateQueue', () => {
  it('prepares a database, and has no effect the second time', async () => {
    const url = await createDatabase({ onTestFinished });
    await expect(expectAcceptsJobs(url)).rejects.toThrow('the queue is unavailable');
    expect(await migrateQueue(url)).toBe('migrated');
    await expectAcceptsJobs(url);
    await migrateQueue(url);
    await expectAcceptsJobs(url);
  });

  it('prepares a database once if several start at the same time', async () => {
    const url = await createDatabase({ onTestFinished });
    await Promise.all(Array.from({ length: 4 }, () => migrateQueue(url)));
    await expectAcceptsJobs(url);
  });

  it('has nothing to do on Redis, running or not', async () => {
    expect(await migrateQueue('redis://127.0.0.1:1')).toBe('nothing to do');
    expect(await migrateQueue('rediss://127.0.0.1:1')).toBe('nothing to do');
  });

  it('throws one sentence without the password for an unreachable database', async () => {
    const message = await migrateQueue(UNREACHABLE).catch((error: Error) => error.message);
    expect(message).toMatch(/^cannot prepare the queue in the database at 127\.0\.0\.1:1: .*ECONNREFUSED.*$/);
    expect(message).not.toContain('s3cret');
  });
});

describe('node redis/migrate.ts', () => {
  it('prepares the database of DATABASE_URL when no QUEUE_URL is set', async () => {
    const url = await createDatabase({ onTestFinished });
    const done = await runProgram({ DATABASE_URL: url, QUEUE_URL: '' });
    expect(done).toEqual({ code: 0, stdout: 'the queue is prepared\n', stderr: '' });
    await expectAcceptsJobs(url);
  });

  it('prefers DATABASE_DIRECT_URL to DATABASE_URL, which is then that of a pooler', async () => {
    const DATABASE_DIRECT_URL = await createDatabase({ onTestFinished });
    expect(await runProgram({ DATABASE_URL: UNREACHABLE, DATABASE_DIRECT_URL })).toMatchObject({ code: 0, stderr: '' });
  });

  it('prefers QUEUE_URL to DATABASE_URL', async () => {
    const done = await runProgram({ DATABASE_URL: UNREACHABLE, QUEUE_URL: 'redis://127.0.0.1:1' });
    expect(done).toEqual({ code: 0, stdout: 'the queue is on Redis: nothing to prepare\n', stderr: '' });
  });

  it('reads a URL from the file that NAME_FILE names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'queue-url-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'url');
    await writeFile(file, `${await createDatabase({ onTestFinished })}\n`);
    expect(await runProgram({ DATABASE_URL_FILE: file })).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [{}, 'QUEUE_URL or DATABASE_URL: one of them is required\n'],
    [
      { QUEUE_URL: 'http://s3cret' },
      'QUEUE_URL: must be a URL of redis://, rediss://, redis+sentinel://, redis+cluster:// or postgres://\n',
    ],
    [{ DATABASE_URL: 's3cret' }, 'DATABASE_URL: must be a URL like postgres://user:password@host:5432/name\n'],
    [{ DATABASE_URL: 'redis://s3cret' }, 'DATABASE_URL: must be a URL like postgres://user:password@host:5432/name\n'],
    [{ QUEUE_URL: 'redis://a', QUEUE_URL_FILE: '/b' }, 'QUEUE_URL: set QUEUE_URL or QUEUE_URL_FILE, not both\n'],
    [{ QUEUE_URL_FILE: '/nowhere' }, 'QUEUE_URL_FILE: cannot read /nowhere\n'],
  ])('with %j prints the error and exits with 1', async (env, stderr) => {
    expect(await runProgram(env)).toEqual({ code: 1, stdout: '', stderr });
  });

  it('prints one sentence for an unreachable database', async () => {
    const { code, stderr } = await runProgram({ DATABASE_URL: UNREACHABLE });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cannot prepare the queue in the database at 127\.0\.0\.1:1: [^\n]+\n$/);
  });
});
