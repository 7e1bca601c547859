import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { cpuMsOf, parseStat, peakBytesOf, resetPeaks, residentBytesOf } from '../processes.ts';

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    // The whole process group: no process may outlive the test.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await once(child, 'close');
  }
});

const STDIO: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], detached: true };

/** Uses processor time, then prints how much it has used, in milliseconds. */
const BURN = `
  const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  while (used() < 700);
  process.stdout.write(used() + '\\n');`;

/** Starts a process whose child uses processor time and then runs `then`. `ownMs`: the time of the process itself. */
async function startBurner(then: string): Promise<{ pid: number; childMs: number; ownMs(): Promise<number> }> {
  const program = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(`${BURN}${then}`)}], { stdio: ['inherit', 'pipe', 'inherit'] });
    child.stdout.on('data', (text) => process.stdout.write(text));
    child.on('exit', () => process.stdout.write('ended\\n'));
    process.on('message', () => { const { user, system } = process.cpuUsage(); process.send((user + system) / 1000); });`;
  const parent = spawn(process.execPath, ['-e', program], STDIO);
  started.push(parent);
  const { stdout } = parent;
  if (!stdout || parent.pid === undefined) throw new Error('not started');
  const lines: string[] = [];
  createInterface({ input: stdout }).on('line', (line) => lines.push(line));
  await expect.poll(() => lines, { timeout: 120_000 }).toHaveLength(then === '' ? 2 : 1);
  return {
    pid: parent.pid,
    childMs: Number(lines[0]),
    async ownMs() {
      parent.send('own');
      const [ms] = await once(parent, 'message');
      return Number(ms);
    },
  };
}

it.each([
  ['has ended', ''],
  ['is running', 'process.stdin.resume(); setInterval(() => {}, 1000);'],
])('includes the processor time of a child that %s once', { timeout: 180_000 }, async (_, then) => {
  const { pid, childMs, ownMs } = await startBurner(then);
  expect(childMs).toBeGreaterThan(700);
  const counted = (await cpuMsOf([pid])) - (await ownMs());
  // Wide limits: ticks of 10 ms, the child's exit, and what both processes used between the two measurements.
  expect(counted).toBeGreaterThan(childMs * 0.5);
  expect(counted).toBeLessThan(childMs * 1.8);
});

it('counts no process outside the tree, and none twice', { timeout: 180_000 }, async () => {
  const { pid } = await startBurner('setInterval(() => {}, 1000);');
  const alone = await cpuMsOf([pid]);
  const other = spawn(process.execPath, ['-e', `${BURN} setInterval(() => {}, 1000);`], STDIO);
  started.push(other);
  if (other.stdout) await once(other.stdout, 'data');
  expect(await cpuMsOf([pid, pid])).toBeLessThan(alone + 600);
  expect(await cpuMsOf([pid, other.pid ?? 0])).toBeGreaterThan(alone + 600);
});

it('parses the stat line of a process whose name contains parentheses and numbers', () => {
  const fields = ['S', '7', ...Array.from({ length: 9 }, () => '0'), '1', '2', '3', '4', '20'];
  expect(parseStat(`42 (a) R 1 (b) ${fields.join(' ')}`)).toEqual({ pid: 42, parent: 7, cpuMs: 100 });
});

it('reports the peak of memory that was freed, until the peak is reset', { timeout: 180_000 }, async () => {
  const program = `
    let buffer = Buffer.alloc(200e6, 1);
    process.stdout.write('allocated\\n');
    process.on('message', () => { buffer = undefined; gc(); process.send('freed'); });`;
  const child = spawn(process.execPath, ['--expose-gc', '-e', program], STDIO);
  started.push(child);
  if (!child.stdout || child.pid === undefined) throw new Error('not started');
  await once(child.stdout, 'data');
  child.send('free');
  await once(child, 'message');
  await expect.poll(() => residentBytesOf([child.pid ?? 0]), { timeout: 150_000 }).toBeLessThan(200e6);
  expect(await peakBytesOf([child.pid])).toBeGreaterThan(200e6);
  await resetPeaks([child.pid]);
  expect(await peakBytesOf([child.pid])).toBeLessThan(200e6);
});

it('counts pages that several processes share once in the peak', { timeout: 180_000 }, async () => {
  const children = ['first', 'second'].map(() => {
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("started"); process.stdin.resume();'], {
      ...STDIO,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    started.push(child);
    return child;
  });
  await Promise.all(children.map(({ stdout }) => stdout && once(stdout, 'data')));
  const [first = 0, second = 0] = children.map(({ pid = 0 }) => pid);
  const apart = (await peakBytesOf([first])) + (await peakBytesOf([second]));
  // Of Node's program of 120 MB, tens of MB are in memory.
  expect(await peakBytesOf([first, second])).toBeLessThan(apart - 15e6);
});
