import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { KEPT } from '../profile.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'profiles-')), 'not there yet');
  onTestFinished(() => rm(join(folder, '..'), { recursive: true }));
});

const SCRIPT = `
  import { createLog } from '../log.ts';
  import { profileOnSignal } from '../profile.ts';
  const log = await createLog({ part: 'api', level: 'info', terminal: false });
  profileOnSignal({ part: 'api', folder: process.argv[1], seconds: Number(process.argv[2]), log });
  globalThis.kept = new Map([['a name to be found again', 1]]);
  // Recursive: V8 writes a function that it has inlined under its caller's name.
  function burnProcessor(n) { return n < 2 ? n : burnProcessor(n - 1) + burnProcessor(n - 2); }
  setInterval(burnProcessor, 10, 27);
  log.info('up');`;

function startBusy(seconds: number) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, folder, `${seconds}`]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: { msg: string; file?: string }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const said = async (msg: string) => {
    for (const deadline = Date.now() + 20_000; ; ) {
      const line = lines.find((told) => told.msg === msg);
      if (line) return line;
      if (Date.now() > deadline) throw new Error(`never said: ${msg}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, said };
}

it('writes a CPU profile that names the busy function, for its owner alone', async () => {
  const { child, said } = startBusy(1);
  await said('up');
  child.kill('SIGUSR2');
  const { file = '' } = await said('CPU profile written');
  expect(file.startsWith(join(folder, 'video-alerts-api-'))).toBe(true);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const profile = JSON.parse(await readFile(file, 'utf8'));
  const names = profile.nodes.map((node: { callFrame: { functionName: string } }) => node.callFrame.functionName);
  expect(names).toContain('burnProcessor');
  expect(profile.samples.length).toBeGreaterThan(100);
});

it('asked again meanwhile, writes a heap snapshot after it', async () => {
  const { child, said } = startBusy(1);
  await said('up');
  child.kill('SIGUSR2');
  await said('CPU profile begun');
  child.kill('SIGUSR2');
  const { file = '' } = await said('heap snapshot written');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).toContain('a name to be found again');
});

it('keeps the newest files of its own part, and touches no others', async () => {
  const { child, said } = startBusy(1);
  await said('up');
  child.kill('SIGUSR2');
  await said('CPU profile written');
  const others = ['video-alerts-worker-1-20260101T000000.000Z.cpuprofile', 'notes.cpuprofile'];
  for (const name of others) await writeFile(join(folder, name), '{}');
  for (let i = 1; i <= KEPT; i++) {
    const old = join(folder, `video-alerts-api-1-2026010${i}T000000.000Z.cpuprofile`);
    await writeFile(old, '{}');
    await utimes(old, i, i);
  }
  child.kill('SIGUSR2');
  const left = async () => (await readdir(folder)).filter((name) => !others.includes(name));
  for (const deadline = Date.now() + 20_000; (await left()).length !== KEPT; ) {
    if (Date.now() > deadline) throw new Error(`left: ${await left()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await readdir(folder)).toEqual(expect.arrayContaining(others));
  expect((await left()).filter((name) => name.includes(`-${child.pid}-`))).toHaveLength(2);
});

it('ends at once when told to stop while it profiles, and leaves nothing half written', async () => {
  const { child, said } = startBusy(60);
  await said('up');
  child.kill('SIGUSR2');
  await said('CPU profile begun');
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('close', resolve));
  await expect(readdir(folder)).rejects.toThrow('ENOENT');
});
