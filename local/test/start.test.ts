import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { type LocalStart, startLocally } from '#test/harness/local-start.ts';
import { waitUntilReady } from '#test/harness/process.ts';
import { startRedisServer } from '#test/harness/redis.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';

// What a newcomer sees who runs `npm start`: output, ports and processes only.

const RESOLUTIONS = { avi: '1280x720', mkv: '854x480', mov: '540x960', mp4: '1920x1080', webm: '640x360' };
/** A start takes 4 s on an idle machine; some tests start twice. */
const LIMIT_MS = 180_000;
const POLL = { timeout: 60_000, interval: 100 };

let dataDir: string;
const started: LocalStart[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'npm-start-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((local) => local.stop()));
  await rm(dataDir, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<LocalStart> {
  const local = await startLocally({ dataDir, env });
  started.push(local);
  return local;
}

async function startReady(env: Record<string, string> = {}): Promise<LocalStart> {
  const local = await start(env);
  await waitUntilReady(local);
  return local;
}

/** Sends Ctrl-C's signal and returns the exit code. */
function interrupt(local: LocalStart): Promise<string> {
  local.child.kill('SIGINT');
  return local.ended;
}

type Listed = { uuid: string; status: string; container: string; resolution: string; failure: { code: string } | null };

async function list(local: LocalStart): Promise<Listed[]> {
  const response = await fetch(`${local.api}/alerts?limit=200`);
  const page = (await response.json()) as { data: Listed[] }; // openapi's AlertPage
  return page.data;
}

async function expectSamples(local: LocalStart): Promise<void> {
  const notifications = local.lines.filter((line) => line.startsWith('[Notification] '));
  expect(notifications).toHaveLength(6);
  expect(notifications.filter((line) => / \| Resolution: \d+x\d+$/.test(line))).toHaveLength(5);
  expect(notifications.filter((line) => / \| Failed: video_unreadable \(.+\)$/.test(line))).toHaveLength(1);
  const alerts = await list(local);
  const processed = alerts.filter(({ status }) => status === 'processed');
  expect(Object.fromEntries(processed.map((a) => [a.container, a.resolution]))).toEqual(RESOLUTIONS);
  expect(alerts.filter(({ status }) => status === 'failed').map((a) => a.failure?.code)).toEqual(['video_unreadable']);
}

/** Returns the command lines of the processes that have the data folder in their command line or environment. */
async function remainingProcesses(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const command = await read('cmdline');
    if (command.includes(dataDir) || (await read('environ')).includes(`DATA_DIR=${dataDir}`)) found.push(command);
  }
  return found;
}

describe('npm start', { timeout: LIMIT_MS }, () => {
  it('processes the samples on an empty folder, accepts the printed curl command, and stops completely', async () => {
    const local = await startReady();
    await expectSamples(local);
    expect(local.lines).toContainEqual(
      expect.stringMatching(/^AUTH=off: .+ Use AUTH=keys npm start to require keys\.$/),
    );

    const { stdout } = await promisify(execFile)('sh', ['-c', local.lines.find((l) => l.includes('curl -i')) ?? '']);
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
    const location = /^location: (.+?)\r?$/im.exec(stdout)?.[1];
    const pasted = async () => (await fetch(local.api + location)).json();
    await expect.poll(pasted, POLL).toMatchObject({ status: 'processed', resolution: '1280x720' });

    expect(await interrupt(local)).toBe('0');
    expect(await remainingProcesses()).toEqual([]);
    expect(await readdir(dataDir)).not.toContain('starter.pid');
  });

  it('continues with the existing data, and does not post the samples again', async () => {
    const first = await startReady();
    await interrupt(first);
    const second = await startReady();
    expect(second.lines.filter((line) => line.startsWith('[Notification]'))).toEqual([]);
    await expectSamples({ ...second, lines: first.lines });
  });

  it('leaves no process behind when it is killed, and starts again', async () => {
    const first = await startReady();
    await first.kill();
    const second = await startReady();
    expect(await list(second)).toHaveLength(6);
    expect(await second.stop()).toBe('0');
    await expect.poll(remainingProcesses, POLL).toEqual([]);
  });

  it('restarts a service that was killed', async () => {
    const local = await startReady();
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

  it('requires keys with AUTH=keys, and creates and prints the first one', async () => {
    const local = await startReady({ AUTH: 'keys' });
    expect((await fetch(`${local.api}/alerts`)).status).toBe(401);
    const key = local.lines.map((line) => /^First key, shown only once: (va_\S+)$/.exec(line)?.[1]).find(Boolean);
    const response = await fetch(`${local.api}/alerts`, { headers: { authorization: `Bearer ${key}` } });
    expect(((await response.json()) as { data: Listed[] }).data).toHaveLength(6); // openapi's AlertPage
    const { stdout } = await promisify(execFile)('sh', ['-c', local.lines.find((l) => l.includes('curl -i')) ?? '']);
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
    await interrupt(local);
    const again = await startReady({ AUTH: 'keys' });
    expect(again.lines.join('\n')).not.toMatch(/va_/);
  });

  it('reports a port in use in one sentence, before anything starts', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const local = await start({ PORT: `${port}` });
    expect(await local.ended).toBe('1');
    other.close();
    expect(local.lines.filter(Boolean)).toEqual([
      `Port ${port} is in use. Stop the program that uses it, or set PORT: PORT=${port + 1} npm start`,
    ]);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('reports every configuration error at once', async () => {
    const local = await start({ PORT: 'http', DATABASE_URL: 'sqlite:x', QUEUE_URL: 'amqp://x' });
    expect(await local.ended).toBe('1');
    for (const name of ['PORT', 'DATABASE_URL', 'QUEUE_URL']) expect(local.lines.join('\n')).toContain(`${name}:`);
  });

  it('uses a given PostgreSQL and video server, and then posts no samples', async () => {
    const database = await createTestDatabase({ empty: true });
    const given = { DATABASE_URL: database.url, VIDEO_SERVER: 'http://127.0.0.1:9' };
    const local = await startReady(given);
    expect(await list(local)).toEqual([]);
    expect(await readdir(dataDir)).toEqual([]);
    await expect(fetch(local.videos)).rejects.toThrow();
    expect(await interrupt(local)).toBe('0');
    const keyed = await startReady({ ...given, AUTH: 'keys' });
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
    const local = await startReady({ QUEUE_URL: redis.url });
    await expectSamples(local);
    expect(await interrupt(local)).toBe('0');
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
