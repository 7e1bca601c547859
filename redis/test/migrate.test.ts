import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { migrateQueue } from '../migrate.ts';
import { openAlertQueue } from '../queue.ts';
import { newJob, run } from './queue-fixture.ts';

const MIGRATE = fileURLToPath(new URL('../migrate.ts', import.meta.url));
const NOWHERE = 'postgres://alerts:s3cret@127.0.0.1:1/alerts';

async function emptyDatabase(): Promise<string> {
  const admin = inject('postgresUrl');
  const name = `queue_${randomUUID().replaceAll('-', '')}`;
  await run(admin, `CREATE DATABASE ${name} TEMPLATE template0`);
  onTestFinished(() => run(admin, `DROP DATABASE ${name} WITH (FORCE)`));
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return url.href;
}

async function expectTakesJobs(url: string): Promise<void> {
  const queue = openAlertQueue(url, () => {});
  await queue.enqueue(newJob()).finally(() => queue.close());
}

/** Runs the entry with this environment alone. */
function runEntry(env: Record<string, string>): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MIGRATE], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('migrateQueue', () => {
  it('prepares a database, and changes nothing the second time', async () => {
    const url = await emptyDatabase();
    await expect(expectTakesJobs(url)).rejects.toThrow('the queue does not answer');
    expect(await migrateQueue(url)).toBe('migrated');
    await expectTakesJobs(url);
    await migrateQueue(url);
    await expectTakesJobs(url);
  });

  it('prepares a database once when several start at once', async () => {
    const url = await emptyDatabase();
    await Promise.all(Array.from({ length: 4 }, () => migrateQueue(url)));
    await expectTakesJobs(url);
  });

  it('has nothing to do on Redis, running or not', async () => {
    expect(await migrateQueue('redis://127.0.0.1:1')).toBe('nothing to do');
    expect(await migrateQueue('rediss://127.0.0.1:1')).toBe('nothing to do');
  });

  it('says in one sentence what it cannot reach, without the password', async () => {
    const fault = await migrateQueue(NOWHERE).catch((error: Error) => error.message);
    expect(fault).toMatch(/^cannot prepare the queue in the database at 127\.0\.0\.1:1: .*ECONNREFUSED.*$/);
    expect(fault).not.toContain('s3cret');
  });
});

describe('node redis/migrate.ts', () => {
  it('prepares the database of DATABASE_URL when no QUEUE_URL is set', async () => {
    const url = await emptyDatabase();
    const done = await runEntry({ DATABASE_URL: url, QUEUE_URL: '' });
    expect(done).toEqual({ code: 0, stdout: 'the queue is prepared\n', stderr: '' });
    await expectTakesJobs(url);
  });

  it('takes QUEUE_URL before DATABASE_URL', async () => {
    const done = await runEntry({ DATABASE_URL: NOWHERE, QUEUE_URL: 'redis://127.0.0.1:1' });
    expect(done).toEqual({ code: 0, stdout: 'the queue is on Redis: nothing to prepare\n', stderr: '' });
  });

  it('reads a URL from the file that NAME_FILE names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'queue-url-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'url');
    await writeFile(file, `${await emptyDatabase()}\n`);
    expect(await runEntry({ DATABASE_URL_FILE: file })).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [{}, 'QUEUE_URL or DATABASE_URL: one of them is required\n'],
    [{ QUEUE_URL: 'http://s3cret' }, 'QUEUE_URL: must be a URL of redis://, rediss:// or postgres://\n'],
    [{ DATABASE_URL: 's3cret' }, 'DATABASE_URL: must be a URL like postgres://user:password@host:5432/name\n'],
    [{ DATABASE_URL: 'redis://s3cret' }, 'DATABASE_URL: must be a URL like postgres://user:password@host:5432/name\n'],
    [{ QUEUE_URL: 'redis://a', QUEUE_URL_FILE: '/b' }, 'QUEUE_URL: set QUEUE_URL or QUEUE_URL_FILE, not both\n'],
    [{ QUEUE_URL_FILE: '/nowhere' }, 'QUEUE_URL_FILE: cannot read /nowhere\n'],
  ])('with %j says what is wrong and fails', async (env, stderr) => {
    expect(await runEntry(env)).toEqual({ code: 1, stdout: '', stderr });
  });

  it('says in one sentence that there is no database', async () => {
    const { code, stderr } = await runEntry({ DATABASE_URL: NOWHERE });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cannot prepare the queue in the database at 127\.0\.0\.1:1: [^\n]+\n$/);
  });
});
