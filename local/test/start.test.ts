import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '#test/harness/observed-stack.ts';
import { until } from '#test/harness/until.ts';

// End to end and through the front door only: what a stranger sees who types `npm start`.

const RESOLUTIONS = { avi: '1280x720', mkv: '854x480', mov: '540x960', mp4: '1920x1080', webm: '640x360' };

type Stack = { child: ChildProcess; lines: string[]; api: string; videos: string; ended: Promise<string> };

let dataDir: string;
const houses: Stack[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'house-'));
});
afterEach(async () => {
  for (const { child, ended } of houses.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }
  await rm(dataDir, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<Stack> {
  const [port, videoPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['local/start.ts'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH, PORT: `${port}`, VIDEO_PORT: `${videoPort}`, DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (l) => lines.push(l));
  const ended = once(child, 'close').then(([code, signal]) => String(signal ?? code));
  const house = { child, lines, ended, api: `http://127.0.0.1:${port}`, videos: `http://127.0.0.1:${videoPort}` };
  houses.push(house);
  return house;
}

async function ready(house: Stack): Promise<Stack> {
  const seen = await until(() => house.lines.find((line) => line.startsWith('Ready.')) ?? house.child.exitCode, 60);
  if (typeof seen === 'number') throw new Error(`the house ended:\n${house.lines.join('\n')}`);
  return house;
}

type Listed = { uuid: string; status: string; container: string; resolution: string; failure: { code: string } | null };

async function list(house: Stack): Promise<Listed[]> {
  const answer = await fetch(`${house.api}/alerts?limit=200`);
  const page = (await answer.json()) as { data: Listed[] }; // openapi's AlertPage
  return page.data;
}

async function expectSamples(house: Stack): Promise<void> {
  const notifications = house.lines.filter((line) => line.startsWith('[Notification] '));
  expect(notifications).toHaveLength(6);
  expect(notifications.filter((line) => / \| Resolution: \d+x\d+$/.test(line))).toHaveLength(5);
  expect(notifications.filter((line) => / \| Failed: video_unreadable \(.+\)$/.test(line))).toHaveLength(1);
  const alerts = await list(house);
  const processed = alerts.filter(({ status }) => status === 'processed');
  expect(Object.fromEntries(processed.map((a) => [a.container, a.resolution]))).toEqual(RESOLUTIONS);
  expect(alerts.filter(({ status }) => status === 'failed').map((a) => a.failure?.code)).toEqual(['video_unreadable']);
}

/** Every process whose command line or environment knows this house's data folder. */
async function processesOfHouse(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const command = await read('cmdline');
    if (command.includes(dataDir) || (await read('environ')).includes(`DATA_DIR=${dataDir}`)) found.push(command);
  }
  return found;
}

// On a busy machine a start takes 15 s, and some of these start twice.
describe('npm start', { timeout: 90_000 }, () => {
  it('on an empty folder shows the samples, takes the pasted curl line, and closes whole', async () => {
    const house = await ready(await start());
    await expectSamples(house);
    expect(house.lines).toContainEqual(expect.stringMatching(/AUTH=off: .+AUTH=keys npm start asks for keys/));

    const { stdout } = await promisify(execFile)('sh', ['-c', house.lines.find((l) => l.includes('curl -i')) ?? '']);
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
    const location = /^location: (.+?)\r?$/im.exec(stdout)?.[1];
    const pasted = await until(async () => {
      const alert = (await (await fetch(house.api + location)).json()) as Listed; // openapi's Alert
      return alert.status === 'processed' ? alert : undefined;
    });
    expect(pasted.resolution).toBe('1280x720');

    house.child.kill('SIGINT');
    expect(await house.ended).toBe('0');
    expect(await processesOfHouse()).toEqual([]);
    expect(await readdir(dataDir)).not.toContain('starter.pid');
  });

  it('goes on with the old data the second time, and posts no samples again', async () => {
    const first = await ready(await start());
    first.child.kill('SIGINT');
    await first.ended;
    const second = await ready(await start());
    expect(second.lines.filter((line) => line.startsWith('[Notification]'))).toEqual([]);
    await expectSamples({ ...second, lines: first.lines });
  });

  it('recovers from its own sudden death: nothing lives on, the next start works', async () => {
    const first = await ready(await start());
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await ready(await start());
    expect(await list(second)).toHaveLength(6);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe('0');
    await until(async () => (await processesOfHouse()).length === 0);
  });

  it('starts a part again that died', async () => {
    const house = await ready(await start());
    const pid = (await childrenOf(house.child.pid ?? 0)).find(({ command }) =>
      command.includes('worker/index.ts'),
    )?.pid;
    process.kill(pid ?? 0, 'SIGKILL');
    await until(() => house.lines.some((line) => line.includes('the worker ended (SIGKILL): starting it again')));
    const body = {
      uuid: '0198f1c2-7a3b-7c4d-8e5f-0123456789ab',
      video: '/videos/test_4.mkv',
      timestamp: 1,
      store: 's',
    };
    const headers = { 'content-type': 'application/json' };
    await fetch(`${house.api}/alerts`, { method: 'POST', headers, body: JSON.stringify(body) });
    await until(async () =>
      (await list(house)).find(({ uuid, status }) => uuid === body.uuid && status === 'processed'),
    );
  });

  it('asks for keys where told so, and makes and shows the first one', async () => {
    const house = await ready(await start({ AUTH: 'keys' }));
    expect((await fetch(`${house.api}/alerts`)).status).toBe(401);
    const key = house.lines.map((line) => /first key, shown this once: (va_\S+)$/.exec(line)?.[1]).find(Boolean);
    const answer = await fetch(`${house.api}/alerts`, { headers: { authorization: `Bearer ${key}` } });
    expect(((await answer.json()) as { data: Listed[] }).data).toHaveLength(6); // openapi's AlertPage
    const { stdout } = await promisify(execFile)('sh', ['-c', house.lines.find((l) => l.includes('curl -i')) ?? '']);
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
    house.child.kill('SIGINT');
    await house.ended;
    const again = await ready(await start({ AUTH: 'keys' }));
    expect(again.lines.join('\n')).not.toMatch(/va_/);
  });

  it('tells a taken port in one sentence, before anything starts', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const house = await start({ PORT: `${port}` });
    expect(await house.ended).toBe('1');
    taken.close();
    expect(house.lines.filter(Boolean)).toEqual([
      `Port ${port} is taken: end what listens there, or set PORT, as in PORT=${port + 1} npm start`,
    ]);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('tells every fault of its configuration at once', async () => {
    const house = await start({ PORT: 'http', DATABASE_URL: 'sqlite:x', QUEUE_URL: 'amqp://x' });
    expect(await house.ended).toBe('1');
    for (const name of ['PORT', 'DATABASE_URL', 'QUEUE_URL']) expect(house.lines.join('\n')).toContain(`${name}:`);
  });

  it('uses another PostgreSQL and another video server where told, and then posts no samples', async () => {
    const { createTestDatabase } = await import('#test/harness/test-database.ts');
    const database = await createTestDatabase({ empty: true });
    const elsewhere = { DATABASE_URL: database.url, VIDEO_SERVER: 'http://127.0.0.1:9' };
    const house = await ready(await start(elsewhere));
    expect(await list(house)).toEqual([]);
    expect(await readdir(dataDir)).toEqual([]);
    await expect(fetch(house.videos)).rejects.toThrow();
    house.child.kill('SIGINT');
    expect(await house.ended).toBe('0');
    const keyed = await ready(await start({ ...elsewhere, AUTH: 'keys' }));
    const { password } = new URL(database.url);
    expect(password).not.toBe('');
    expect(keyed.lines.join('\n')).not.toContain(password);
    keyed.child.kill('SIGINT');
    await keyed.ended;
    await database.drop();
  });
});

describe.skipIf(inject('redisUrl') === null)('npm start with QUEUE_URL=redis://…', () => {
  it('shows the same samples through Redis', async () => {
    const { startRedisServer } = await import('#test/harness/redis.ts');
    const redis = await startRedisServer();
    const house = await ready(await start({ QUEUE_URL: redis.url }));
    await expectSamples(house);
    house.child.kill('SIGINT');
    expect(await house.ended).toBe('0');
    await redis.stop();
  });
});

async function childrenOf(parent: number): Promise<{ pid: number; command: string }[]> {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', `${parent}`], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid && command ? [{ pid: Number(pid), command }] : [];
  });
}
