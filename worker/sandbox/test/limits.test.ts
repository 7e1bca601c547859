import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSandboxed } from '../run.ts';
import { detectSandbox, type Limits } from '../sandbox.ts';

const limits: Limits = { cpuSeconds: 20, memoryKiB: 512 * 1024, fileKiB: 64, threads: 8 };
/** It accepts every option, and needs the libraries that a shell needs too. */
const sandbox = await detectSandbox('/bin/true', limits);

/** A process that has ended stays in the table until it is waited for. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-limits-'));
});
afterEach(() => rm(folder, { recursive: true }));

function run(script: string, more: { lowPriority?: boolean; onOutput?: (chunk: Buffer) => void } = {}) {
  const stop = AbortSignal.timeout(60_000);
  const shell = { name: 'a shell', program: '/bin/sh', args: ['-c', script], maxOutputBytes: 100_000 };
  return runSandboxed({ ...shell, folder, sandbox, stop, ...more });
}

describe.skipIf(process.platform !== 'linux')('the sandbox of another program', () => {
  it('has the limits of that program', async () => {
    const { output } = await run('ulimit -St; ulimit -v; ulimit -f');
    expect(output.toString()).toBe(`20\n${512 * 1024}\n128\n`);
  });

  it('lets it write files up to its limit', async () => {
    const write = (kilobytes: number) => run(`exec dd if=/dev/zero of=file bs=1024 count=${kilobytes} 2>/dev/null`);
    if (sandbox.restricted.includes('files')) {
      // The folder has no /dev.
      const text = 'x'.repeat(1024);
      await run(`n=0; while [ $n -lt 100 ]; do echo ${text}; n=$((n + 1)); done > file`);
    } else await write(100);
    expect((await stat(join(folder, 'file'))).size).toBe(64 * 1024);
  });

  it('lets any other process take precedence, if that is wanted', async () => {
    const nice = 'read -r line < /proc/self/stat; echo "$line"';
    if (sandbox.restricted.includes('files')) return;
    const { output } = await run(nice, { lowPriority: true });
    expect(output.toString().split(' ')[18]).toBe('19');
  });

  it('passes output on while it runs, up to a limit', async () => {
    let length = 0;
    const onOutput = (chunk: Buffer) => {
      length += chunk.length;
    };
    const exit = await run('while :; do echo 0123456789; done', { onOutput });
    expect(exit).toMatchObject({ tooMuchOutput: true, signal: 'SIGKILL' });
    expect(length).toBeLessThanOrEqual(100_000);
  });

  it('ends it when its worker is killed, if that is wanted', async () => {
    const startAndKillWorker = async (endsWithWorker: boolean): Promise<number> => {
      const own = join(folder, `${endsWithWorker}`);
      await mkdir(own);
      const worker = fork(join(import.meta.dirname, 'endless-program.ts'), [own, `${endsWithWorker}`], { env: {} });
      const [pid] = await once(worker, 'message');
      worker.kill('SIGKILL');
      return pid;
    };
    const [ends, stays] = [await startAndKillWorker(true), await startAndKillWorker(false)];
    await expect.poll(() => isRunning(ends), { timeout: 150_000 }).toBe(false);
    expect(isRunning(stays)).toBe(true);
    process.kill(-stays, 'SIGKILL');
  });
});
