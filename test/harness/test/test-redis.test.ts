import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { prepareRedis, type RedisWish } from '../redis-setup.ts';
import { type RedisServerOptions, startRedisServer } from '../test-redis.ts';

const command = inject('redisCommand');

function wish(rest: Partial<RedisWish>) {
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  return { searchPath: '', mayInstall: false, required: false, testRedisUrl: undefined, ...rest, said, say };
}

async function privateTmpdir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-server-test-'));
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    return rm(folder, { recursive: true });
  });
  return folder;
}

async function start(options: RedisServerOptions = {}) {
  const server = await startRedisServer({ command: command ?? undefined, ...options });
  onTestFinished(server.stop);
  return server;
}

function connect(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: null });
  redis.on('error', () => {}); // A killed server is what these tests are about; commands still reject.
  onTestFinished(() => redis.disconnect());
  return redis;
}

describe.skipIf(command === null)('a Redis of one’s own', () => {
  it('takes commands at once, and refuses writes rather than drop keys', async () => {
    const redis = connect((await start()).url);
    expect(await redis.set('key', 'value')).toBe('OK');
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  });

  it('is gone after stop, and its folder with it', async () => {
    const folder = await privateTmpdir();
    const server = await start();
    expect(await readdir(folder)).toHaveLength(1);
    await server.stop();
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
    expect(await readdir(folder)).toEqual([]);
  });

  it('comes back after kill with every write when it is given a folder', async () => {
    const dir = await privateTmpdir();
    const first = await start({ dir });
    await connect(first.url).set('key', 'kept');
    await first.kill();
    const second = await start({ dir, port: first.port });
    expect(await connect(second.url).get('key')).toBe('kept');
  });

  it('ends with the process that started it, and its folder too', async () => {
    const folder = await privateTmpdir();
    const module = fileURLToPath(new URL('../test-redis.ts', import.meta.url));
    const script = `const { startRedisServer } = await import(process.argv[1]);
      const { url } = await startRedisServer({ command: process.argv[2] });
      process.stdout.write(url, () => process.exit());`;
    const { stdout: url } = await promisify(execFile)(process.execPath, ['-e', script, module, command ?? '']);
    await vi.waitFor(() => expect(connect(url).ping()).rejects.toThrow('closed'));
    expect(await readdir(folder)).toEqual([]);
  });

  it('says why it could not start on a taken port, and leaves no folder behind', async () => {
    const { port } = await start();
    const folder = await privateTmpdir();
    await expect(start({ port })).rejects.toThrow('Address already in use');
    expect(await readdir(folder)).toEqual([]);
  });

  it('is started for a run that gives no address, and closed with it', async () => {
    const redis = await prepareRedis(wish({ searchPath: dirname(command ?? '') }));
    onTestFinished(redis.close);
    expect(redis.command).toBe(command);
    expect(await connect(redis.url ?? '').ping()).toBe('PONG');
    await redis.close();
    await expect(connect(redis.url ?? '').ping()).rejects.toThrow('closed');
  });
});

it('is neither started nor installed where the run gives the address of one', async () => {
  const searchPath = await privateTmpdir();
  await symlink('/bin/true', join(searchPath, 'apt-get'));
  const given = wish({ testRedisUrl: 'redis://127.0.0.1:1', searchPath, mayInstall: true });
  expect(await prepareRedis(given)).toMatchObject({ url: 'redis://127.0.0.1:1', command: null });
  expect(given.said).toEqual([]);
});

it('is missed in one line that says what to install', async () => {
  const missing = wish({});
  expect(await prepareRedis(missing)).toMatchObject({ url: null, command: null });
  expect(missing.said).toEqual([
    'redis-server or valkey-server is not installed: install the package redis-server, or set TEST_REDIS_URL. ' +
      'The suites that need Redis are skipped.',
  ]);
});

it('fails the run where it is required and missing', async () => {
  await expect(prepareRedis(wish({ required: true }))).rejects.toThrow('install the package redis-server');
});
