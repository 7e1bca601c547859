import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it, vi } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { expectSamples, interrupt, LIMIT_MS, list, POLL, remainingProcesses, useLocalStart } from './start-fixture.ts';

const fixture = useLocalStart();

describe('npm start', { timeout: LIMIT_MS }, () => {
  it('continues with the existing data, and does not post the samples again', async () => {
    const first = await fixture.startReady();
    await interrupt(first);
    const second = await fixture.startReady();
    expect(second.lines.filter((line) => line.startsWith('[Notification]'))).toEqual([]);
    await expectSamples({ ...second, lines: first.lines });
  });

  it('creates the key of the destinations’ secrets once, readable by its owner only', async () => {
    const first = await fixture.startReady();
    const file = join(fixture.dataDir, 'secrets_key');
    const key = await readFile(file, 'utf8');
    expect(key).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600);
    const destination = { name: 'x', kind: 'webhook', config: { url: 'https://example.com' } };
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(destination);
    expect((await fetch(`${first.api}/destinations`, { method: 'POST', headers, body })).status).toBe(201);
    await interrupt(first);
    const second = await fixture.startReady();
    expect(await readFile(file, 'utf8')).toBe(key);
    const listed = Object(await (await fetch(`${second.api}/destinations`)).json());
    expect(listed.data[1]).toMatchObject({ name: 'x', secrets: ['signing_secret'], secrets_error: null });
    expect([...first.lines, ...second.lines].join('\n')).not.toContain(key.trim());
  });

  it('leaves no process behind when it is killed, and starts again', async () => {
    const first = await fixture.startReady();
    await first.kill();
    const second = await fixture.startReady();
    expect(await list(second)).toHaveLength(6);
    expect(await second.stop()).toBe('0');
    await expect.poll(() => remainingProcesses(fixture.dataDir), POLL).toEqual([]);
  });

  it('restarts a service that was killed', async () => {
    const local = await fixture.startReady();
    const pid = (await childrenOf(local.child.pid ?? 0)).find(({ command }) =>
      command.includes('worker/index.ts'),
    )?.pid;
    process.kill(pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(local.lines).toContain('The worker ended (SIGKILL). Restarting it.'), POLL);
    const body = {
      uuid: '0198f1c2-7a3b-7c4d-8e5f-0123456789ab',
      video: '/videos/test_4.mkv',
      timestamp: 1,
      store: 's',
    };
    const headers = { 'content-type': 'application/json' };
    await fetch(`${local.api}/alerts`, { method: 'POST', headers, body: JSON.stringify(body) });
    const statusOf = async () => (await list(local)).find(({ uuid }) => uuid === body.uuid)?.status;
    await expect.poll(statusOf, POLL).toBe('processed');
  });

  // Other systems have only one loopback address.
  it.runIf(process.platform === 'linux')('lets the api listen on HOST only', async () => {
    const local = await fixture.startReady({ HOST: '127.0.0.2' });
    const { port } = new URL(local.api);
    expect(local.lines).toContain(`  page    http://127.0.0.2:${port}/`);
    expect((await fetch(`http://127.0.0.2:${port}/alerts`)).status).toBe(200);
    await expect(fetch(`${local.api}/alerts`)).rejects.toThrow();
  });

  it('requires keys with AUTH=keys, and creates and prints the first one', async () => {
    const local = await fixture.startReady({ AUTH: 'keys' });
    expect((await fetch(`${local.api}/alerts`)).status).toBe(401);
    const key = local.lines.map((line) => /^First key, shown only once: (va_\S+)$/.exec(line)?.[1]).find(Boolean);
    const response = await fetch(`${local.api}/alerts`, { headers: { authorization: `Bearer ${key}` } });
    expect(await response.json()).toMatchObject({ data: { length: 6 } });
    const { stdout } = await promisify(execFile)('sh', ['-c', local.lines.find((l) => l.includes('curl -i')) ?? '']);
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
    // The printed command works and shows no password.
    const setting = local.lines.map((line) => /(DATABASE_URL_FILE=\S+) npm run keys$/.exec(line)?.[1]).find(Boolean);
    const { stdout: keys } = await promisify(execFile)('sh', ['-c', `${setting} node api/auth/keys-cli.ts list`]);
    expect(keys).toMatch(/ first .* active$/m);
    expect(local.lines.join('\n')).not.toMatch(/postgres(ql)?:\/\//);
    await interrupt(local);
    const again = await fixture.startReady({ AUTH: 'keys' });
    expect(again.lines.join('\n')).not.toMatch(/va_/);
  });

  it('shows the first key when the api is ready, or once when it fails to start', async () => {
    const local = await fixture.start({ AUTH: 'keys' });
    await expect.poll(() => local.lines.join('\n'), POLL).toContain('Starting PostgreSQL');
    const other = createServer().listen(Number(new URL(local.api).port), '127.0.0.1'); // after the check of the port
    await once(other, 'listening');
    expect(await local.ended).toBe('1');
    other.close();
    const output = local.lines.join('\n');
    expect(output).toContain('The api did not start');
    const keys = [...output.matchAll(/^(.+): (va_\S+)$/gm)].map(([, text, key]) => ({ text, key }));
    expect(keys).toEqual([{ text: expect.stringContaining('works from the next start on'), key: expect.any(String) }]);
    const again = await fixture.startReady({ AUTH: 'keys' });
    const headers = { authorization: `Bearer ${keys[0]?.key}` };
    expect((await fetch(`${again.api}/alerts`, { headers })).status).toBe(200);
    expect(again.lines.join('\n')).not.toMatch(/va_/);
  });

  it('ends with the same line as it printed when Redis stays unavailable', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const local = await fixture.start({ AUTH: 'keys', QUEUE_URL: `redis://:s3cret@${host}` });
    expect(await local.ended).toBe('1');
    const problem = `QUEUE_URL: Redis at ${host} is unavailable (`;
    const [notice, end, ...more] = local.lines.filter(Boolean);
    expect(notice?.startsWith(problem)).toBe(true);
    expect(end).toBe(`${problem}connect ECONNREFUSED ${host}). Gave up after 30 s.`);
    expect(more).toEqual([]);
  });

  it('uses a given PostgreSQL and video server, and then posts no samples', async () => {
    const database = await createTestDatabase({ empty: true });
    const given = { DATABASE_URL: database.url, VIDEO_SERVER: 'http://127.0.0.1:9' };
    const local = await fixture.startReady(given);
    expect(await list(local)).toEqual([]);
    expect(await readdir(fixture.dataDir)).toEqual(['secrets_key']);
    await expect(fetch(local.videos)).rejects.toThrow();
    expect(await interrupt(local)).toBe('0');
    const keyed = await fixture.startReady({ ...given, AUTH: 'keys' });
    const { password } = new URL(database.url);
    expect(password).not.toBe('');
    expect(keyed.lines.join('\n')).not.toContain(password);
    await interrupt(keyed);
    await database.drop();
  });
});

describe.skipIf(inject('redisUrl') === null)('npm start with QUEUE_URL=redis://…', () => {
  it('processes the same samples through Redis', { timeout: LIMIT_MS }, async () => {
    const redis = await startRedisServer();
    const local = await fixture.startReady({ QUEUE_URL: redis.url });
    await expectSamples(local);
    expect(await interrupt(local)).toBe('0');
    await redis.stop();
  });

  it('prints what it waits for when Redis disappears during the start', { timeout: LIMIT_MS }, async () => {
    const redis = await startRedisServer();
    const local = await fixture.start({ QUEUE_URL: redis.url });
    await expect.poll(() => local.lines.join('\n'), POLL).toContain('Starting PostgreSQL'); // after the check of Redis
    redis.service.pause();
    const waiting = /^Waiting for the api to be ready \(queue: .+\)\.$/m;
    await expect.poll(() => local.lines.join('\n'), POLL).toMatch(waiting);
    redis.service.resume();
    await local.ready;
    await expectSamples(local);
    await redis.stop();
  });
});

async function childrenOf(parent: number): Promise<{ pid: number; command: string }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, ppid, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid && command && Number(ppid) === parent ? [{ pid: Number(pid), command }] : [];
  });
}
