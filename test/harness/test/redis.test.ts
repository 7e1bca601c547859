import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { type RedisOptions, sendRedisCommand, startRedisServer } from '../redis.ts';
import { prepareRedis, type RedisRequest } from '../redis-setup.ts';

const command = inject('redisCommand');

function request(changes: Partial<RedisRequest>) {
  const printed: string[] = [];
  const print = (line: string) => printed.push(line);
  return { searchPath: '', mayInstall: false, required: false, testRedisUrl: undefined, ...changes, printed, print };
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

async function start(options: RedisOptions = {}) {
  const server = await startRedisServer({ command: command ?? undefined, ...options });
  onTestFinished(server.stop);
  return server;
}

const portOf = (url: string | null) => Number(new URL(url ?? '').port);
const expectGone = (port: number) => expect(sendRedisCommand(port, 'PING')).rejects.toThrow(/ECONNREFUSED|closed/);

describe.skipIf(command === null)('startRedisServer', () => {
  it('accepts commands at once, and refuses writes instead of evicting keys', async () => {
    const redis = await start();
    expect(await redis.send('SET key value')).toBe('+OK\r\n');
    expect(await redis.send('CONFIG GET maxmemory-policy')).toContain('noeviction');
    await expect(redis.send('NONSENSE')).rejects.toThrow('redis refused NONSENSE: -ERR unknown command');
  });

  it('removes the process and its folder on stop', async () => {
    const folder = await privateTmpdir();
    const server = await start();
    expect(await readdir(folder)).toHaveLength(1);
    await server.stop();
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
    expect(await readdir(folder)).toEqual([]);
  });

  it('has every write after a kill, if it is given a folder', async () => {
    const folder = await privateTmpdir();
    const first = await start({ folder });
    await first.send('SET key kept');
    await first.kill();
    const second = await start({ folder, port: first.port });
    expect(await second.send('GET key')).toContain('kept');
  });

  it.each([
    ['exits', 'process.exit()'],
    ['is killed', "process.kill(process.pid, 'SIGKILL')"],
  ])('ends with the process that started it, if that %s', async (_how, end) => {
    await privateTmpdir();
    const module = fileURLToPath(new URL('../redis.ts', import.meta.url));
    const script = `const { startRedisServer } = await import(process.argv[1]);
      const { url } = await startRedisServer({ command: process.argv[2] });
      process.stdout.write(url, () => ${end});`;
    const run = promisify(execFile)(process.execPath, ['-e', script, module, command ?? '']);
    const { stdout: url } = await run.catch((error) => error);
    await vi.waitFor(() => expectGone(portOf(url)), { timeout: 150_000 });
  });

  it('removes its folder when the process that started it exits', async () => {
    const folder = await privateTmpdir();
    const module = fileURLToPath(new URL('../redis.ts', import.meta.url));
    const script = `const { startRedisServer } = await import(process.argv[1]);
      await startRedisServer({ command: process.argv[2] });
      process.exit();`;
    await promisify(execFile)(process.execPath, ['-e', script, module, command ?? '']);
    expect(await readdir(folder)).toEqual([]);
  });

  it('reports why it could not start on a used port, and leaves no folder behind', async () => {
    const { port } = await start();
    const folder = await privateTmpdir();
    await expect(start({ port })).rejects.toThrow('Address already in use');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('prepareRedis', () => {
  it.skipIf(command === null)('starts a server for a run without an address, and stops it with the run', async () => {
    const redis = await prepareRedis(request({ searchPath: dirname(command ?? '') }));
    onTestFinished(redis.close);
    expect(redis.command).toBe(command);
    expect(await sendRedisCommand(portOf(redis.url), 'PING')).toBe('+PONG\r\n');
    await redis.close();
    await expectGone(portOf(redis.url));
  });

  it('starts and installs nothing for a run with an address', async () => {
    const searchPath = await privateTmpdir();
    await symlink('/bin/true', join(searchPath, 'apt-get'));
    const given = request({ testRedisUrl: 'redis://127.0.0.1:1', searchPath, mayInstall: true });
    expect(await prepareRedis(given)).toMatchObject({ url: 'redis://127.0.0.1:1' });
    expect(given.printed).toEqual([]);
  });

  it('prints one line that says what to install, if Redis is missing', async () => {
    const missing = request({});
    expect(await prepareRedis(missing)).toMatchObject({ url: null, command: null });
    expect(missing.printed).toEqual([
      'redis-server or valkey-server is not installed: install the package redis-server, or set TEST_REDIS_URL. ' +
        'The suites that need Redis are skipped.',
    ]);
  });

  it('throws if Redis is required and missing', async () => {
    await expect(prepareRedis(request({ required: true }))).rejects.toThrow('install the package redis-server');
  });
});
