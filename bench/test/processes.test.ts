import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { cpuMsOf, forgetPeaks, peakBytesOf, residentBytesOf, seenIn } from '../processes.ts';

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    // The whole group: nothing of it may outlive the test.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await once(child, 'close');
  }
});

const STDIO: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], detached: true };

/** Burns processor time, then tells how much it had in all, milliseconds. */
const BURN = `
  const spent = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  while (spent() < 700);
  process.stdout.write(spent() + '\\n');`;

/** Starts a process and its child, which burns. `then`: what the child does afterwards. */
async function startBurner(then: string): Promise<{ pid: number; burnt: number; own(): Promise<number> }> {
  const holder = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(`${BURN}${then}`)}], { stdio: ['inherit', 'pipe', 'inherit'] });
    child.stdout.on('data', (text) => process.stdout.write(text));
    child.on('exit', () => process.stdout.write('ended\\n'));
    process.on('message', () => { const { user, system } = process.cpuUsage(); process.send((user + system) / 1000); });`;
  const parent = spawn(process.execPath, ['-e', holder], STDIO);
  started.push(parent);
  const { stdout } = parent;
  if (!stdout || parent.pid === undefined) throw new Error('not started');
  const lines: string[] = [];
  createInterface({ input: stdout }).on('line', (line) => lines.push(line));
  await expect.poll(() => lines, { timeout: 20_000 }).toHaveLength(then === '' ? 2 : 1);
  return {
    pid: parent.pid,
    burnt: Number(lines[0]),
    async own() {
      parent.send('own');
      const [ms] = await once(parent, 'message');
      return Number(ms);
    },
  };
}

it.each([
  ['ended', ''],
  ['lives', 'process.stdin.resume(); setInterval(() => {}, 1000);'],
])('counts the processor time of a child that %s', async (_, then) => {
  const { pid, burnt, own } = await startBurner(then);
  expect(burnt).toBeGreaterThan(700);
  const counted = (await cpuMsOf([pid])) - (await own());
  // Four figures in ticks of 10 ms, and what the child still spends on ending.
  expect(counted).toBeGreaterThan(burnt - 40);
  expect(counted).toBeLessThan(burnt + 100);
});

it('counts no process that is not of the tree, and none twice', async () => {
  const { pid } = await startBurner('setInterval(() => {}, 1000);');
  const alone = await cpuMsOf([pid]);
  const bystander = spawn(process.execPath, ['-e', `${BURN} setInterval(() => {}, 1000);`], STDIO);
  started.push(bystander);
  if (bystander.stdout) await once(bystander.stdout, 'data');
  expect(await cpuMsOf([pid, pid])).toBeLessThan(alone + 100);
  expect(await cpuMsOf([pid, bystander.pid ?? 0])).toBeGreaterThan(alone + 600);
});

it('reads a process whose name is made to mislead', () => {
  const fields = ['S', '7', ...Array.from({ length: 9 }, () => '0'), '1', '2', '3', '4', '20'];
  expect(seenIn(`42 (a) R 1 (b) ${fields.join(' ')}`)).toEqual({ pid: 42, parent: 7, cpuMs: 100 });
});

it('tells the peak of memory that was given back, until it is to be forgotten', async () => {
  const program = `
    let kept = Buffer.alloc(200e6, 1);
    process.stdout.write('full\\n');
    process.on('message', () => { kept = undefined; gc(); process.send('freed'); });`;
  const child = spawn(process.execPath, ['--expose-gc', '-e', program], STDIO);
  started.push(child);
  if (!child.stdout || child.pid === undefined) throw new Error('not started');
  await once(child.stdout, 'data');
  child.send('free');
  await once(child, 'message');
  await expect.poll(() => residentBytesOf([child.pid ?? 0]), { timeout: 5_000 }).toBeLessThan(200e6);
  expect(await peakBytesOf([child.pid])).toBeGreaterThan(200e6);
  await forgetPeaks([child.pid]);
  expect(await peakBytesOf([child.pid])).toBeLessThan(200e6);
});
