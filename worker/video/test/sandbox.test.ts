import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VideoUnreadable } from '../../errors.ts';
import { type FfprobeOptions, runFfprobe } from '../ffprobe/run.ts';
import { detectSandbox } from '../ffprobe/sandbox.ts';
import { type Resources, resourcesIn } from './leaked-resources.ts';
import { failureOf } from './test-videos.ts';

const sandbox = await detectSandbox();
const timeoutMs = 60_000;
const printed = '{"streams":[]}';

let folder: string;
let empty: string;
let before: Resources;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
  empty = join(folder, 'empty');
  await mkdir(empty);
  before = resourcesIn(empty);
});

afterEach(async () => {
  await expect.poll(() => resourcesIn(empty), { timeout: 20_000 }).toEqual(before);
  await rm(folder, { recursive: true });
});

/** Runs a program instead of ffprobe, in the folder of the test. */
async function run(script: string, options: Partial<FfprobeOptions> = {}, shell = '/bin/sh'): Promise<string> {
  const ffprobePath = join(folder, 'ffprobe');
  await writeFile(ffprobePath, `#!${shell}\n${script}\n`);
  await chmod(ffprobePath, 0o755);
  const signal = new AbortController().signal;
  return runFfprobe({
    folder,
    file: 'video',
    demuxer: 'avi',
    skippedBytes: 0,
    options: { ffprobePath, timeoutMs, signal, sandbox, ...options },
    deadline: AbortSignal.timeout(timeoutMs),
  });
}

describe.skipIf(process.platform !== 'linux')('the sandbox', () => {
  it('restricts memory and CPU time on every Linux', () => {
    expect(sandbox.restricted).toEqual(expect.arrayContaining(['memory', 'cpu']));
    expect([...sandbox.restricted, ...sandbox.unrestricted].sort()).toEqual(['cpu', 'memory', 'network']);
  });

  // dd allocates its buffer in one call, so the result does not depend on the speed of the machine.
  it('limits the memory of a program', async () => {
    const allocate = (size: string) => run(`exec /bin/dd if=/dev/zero of=/dev/null count=1 bs=${size}`);
    expect(await allocate('64M')).toBe('');
    const error = await failureOf(allocate('2G'));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('cause.message', expect.stringContaining('memory'));
  });

  it('ends a program in an endless loop by its CPU time, before the deadline', async () => {
    const error = await failureOf(run('while :; do :; done'));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('message', 'ffprobe exceeded its CPU time limit on the file');
  }, 90_000);

  it('ends processes that a program leaves running', async () => {
    const script = `/bin/sleep 600 > /dev/null 2>&1 & echo $! > child; echo '${printed}'`;
    expect(await run(script)).toBe(`${printed}\n`);
    const child = (await readFile(join(folder, 'child'), 'utf8')).trim();
    const state = () => readFile(`/proc/${child}/stat`, 'utf8').catch(() => ') X');
    await expect.poll(state).toMatch(/\) [ZX]/);
  });

  it('passes no environment and allows no core dump', async () => {
    const output = await run('/usr/bin/env; ulimit -c');
    expect(output.split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual(['0', '']);
  });

  it('does not interpret spaces and shell characters in a program name', async () => {
    const odd = join(folder, '$(touch injected) ; "x" *');
    await writeFile(odd, `#!/bin/sh\necho "$2"\n`);
    await chmod(odd, 0o755);
    expect(await run('', { ffprobePath: odd })).toBe('error\n');
    expect(existsSync(join(folder, 'injected'))).toBe(false);
  });
});

describe.skipIf(!sandbox.restricted.includes('network') || !existsSync('/bin/bash'))(
  'the sandbox without network',
  () => {
    it.each([
      [sandbox, 'refused', 0],
      [undefined, 'connected', 1],
    ])('%j: a connection is %s', async (tried, outcome, accepted) => {
      let connections = 0;
      const server = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const script = `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo connected || echo refused`;
      const output = await run(script, { sandbox: tried }, '/bin/bash');
      await new Promise((resolve) => server.close(resolve));
      expect(output).toBe(`${outcome}\n`);
      expect(connections).toBe(accepted);
    });
  },
);
