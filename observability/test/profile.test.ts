import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_FILES } from '../profile.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'profiles-')), 'does not exist yet');
  onTestFinished(() => rm(join(folder, '..'), { recursive: true }));
});

const SCRIPT = `
  import { createLog } from '../log.ts';
  import { profileOnSignal } from '../profile.ts';
  const log = await createLog({ service: 'api', level: 'info', terminal: false });
  profileOnSignal({ service: 'api', folder: process.argv[1], seconds: Number(process.argv[2]), log });
  globalThis.retained = new Map([['a string in the heap', 1]]);
  // Recursive: V8 attributes an inlined function to its caller.
  function burnProcessor(n) { return n < 2 ? n : burnProcessor(n - 1) + burnProcessor(n - 2); }
  setInterval(burnProcessor, 10, 27);
  log.info('started');`;

type Line = { msg: string; file?: string };

function startBusyProcess(seconds: number) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, folder, `${seconds}`], {
    cwd: import.meta.dirname,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const logged = (msg: string): Promise<Line> =>
    vi.waitFor(() => lines.find((line) => line.msg === msg) ?? Promise.reject(new Error(`not logged: ${msg}`)), {
      timeout: 150_000,
    });
  return { child, logged };
}

it('writes a CPU profile that names the busy function, readable by its owner only', async () => {
  const { child, logged } = startBusyProcess(1);
  await logged('started');
  child.kill('SIGUSR2');
  const { file = '' } = await logged('CPU profile written');
  expect(file.startsWith(join(folder, 'video-alerts-api-'))).toBe(true);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const profile = JSON.parse(await readFile(file, 'utf8'));
  const names = profile.nodes.map((node: { callFrame: { functionName: string } }) => node.callFrame.functionName);
  expect(names).toContain('burnProcessor');
  expect(profile.samples.length).toBeGreaterThan(0);
});

it('writes a heap snapshot after the profile on a second signal', async () => {
  const { child, logged } = startBusyProcess(1);
  await logged('started');
  child.kill('SIGUSR2');
  await logged('CPU profile started');
  child.kill('SIGUSR2');
  const { file = '' } = await logged('heap snapshot written');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).toContain('a string in the heap');
});

it('keeps the newest files of its own service, and leaves other files alone', async () => {
  const { child, logged } = startBusyProcess(1);
  await logged('started');
  child.kill('SIGUSR2');
  await logged('CPU profile written');
  const others = ['video-alerts-worker-1-20260101T000000.000Z.cpuprofile', 'notes.cpuprofile'];
  for (const name of others) await writeFile(join(folder, name), '{}');
  for (let i = 1; i <= MAX_FILES; i++) {
    const old = join(folder, `video-alerts-api-1-2026010${i}T000000.000Z.cpuprofile`);
    await writeFile(old, '{}');
    await utimes(old, i, i);
  }
  child.kill('SIGUSR2');
  const ownFiles = async () => (await readdir(folder)).filter((name) => !others.includes(name));
  // Two profiles: the second is written before the oldest files are deleted.
  const profiles = async () => (await ownFiles()).filter((name) => name.includes(`-${child.pid}-`));
  await expect.poll(profiles, { timeout: 150_000 }).toHaveLength(2);
  await expect.poll(ownFiles, { timeout: 150_000 }).toHaveLength(MAX_FILES);
  expect(await readdir(folder)).toEqual(expect.arrayContaining(others));
});

it('stops at once on SIGTERM while it profiles, and leaves no partial file', async () => {
  const { child, logged } = startBusyProcess(60);
  await logged('started');
  child.kill('SIGUSR2');
  await logged('CPU profile started');
  child.kill('SIGTERM');
  await once(child, 'close');
  await expect(readdir(folder)).rejects.toThrow('ENOENT');
});
