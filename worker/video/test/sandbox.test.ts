import { existsSync, readFileSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VideoUnreadable } from '../../errors.ts';
import { detectSandbox, type Protection, type Sandbox } from '../../sandbox/sandbox.ts';
import { bundledFfprobe, FFPROBE_LIMITS, type FfprobeOptions, runFfprobe } from '../ffprobe/run.ts';
import { type Resources, resourcesIn } from './leaked-resources.ts';
import { failureOf, fixture } from './test-videos.ts';

const timeoutMs = 60_000;

// A script in place of ffprobe. It needs a shell, and so the system's libraries; the bundled ffprobe needs nothing.
const programs = await mkdtemp(join(tmpdir(), 'sandbox-programs-'));
const sandbox = await detectSandbox(await program('exit 0', '/bin/sh'), FFPROBE_LIMITS);
const bundled = await detectSandbox(bundledFfprobe(), FFPROBE_LIMITS);
const has = (protection: Protection) => sandbox.restricted.includes(protection);

let folder: string;
let secret: string;
let empty: string;
let before: Resources;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
  await mkdir(join(folder, 'probe'));
  secret = join(folder, 'secret');
  await writeFile(secret, 'password\n', { mode: 0o600 });
  empty = join(folder, 'empty');
  await mkdir(empty);
  before = resourcesIn(empty);
});

afterEach(async () => {
  await expect.poll(() => resourcesIn(empty), { timeout: 150_000 }).toEqual(before);
  await rm(folder, { recursive: true });
});

async function program(script: string, shell: string): Promise<string> {
  const path = join(await mkdtemp(join(programs, 'program-')), 'ffprobe');
  await writeFile(path, `#!${shell}\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Runs a script instead of ffprobe, in a folder for the video. */
async function run(script: string, options: Partial<FfprobeOptions> = {}, shell = '/bin/sh'): Promise<string> {
  const ffprobePath = await program(script, shell);
  return runProgram({ ffprobePath, sandbox, ...options });
}

async function runProgram(options: Partial<FfprobeOptions>): Promise<string> {
  const signal = new AbortController().signal;
  const probe = { folder: join(folder, 'probe'), file: 'video', demuxer: 'avi', skippedBytes: 0 };
  const deadline = AbortSignal.timeout(timeoutMs);
  return runFfprobe({ ...probe, options: { timeoutMs, signal, ...options }, deadline });
}

/** The sandbox without one protection: shows that the attempt would succeed otherwise. */
const without = (...protections: Protection[]): Sandbox => ({
  ...sandbox,
  restricted: sandbox.restricted.filter((each) => !protections.includes(each)),
});

describe.skipIf(process.platform !== 'linux')('the sandbox', () => {
  it.each([sandbox, bundled])('reports each protection as active or missing: %j', ({ restricted, unrestricted }) => {
    expect(restricted).toEqual(expect.arrayContaining(['memory', 'cpu', 'writes']));
    const all = [...restricted, ...unrestricted].sort();
    expect(all).toEqual(['cpu', 'files', 'memory', 'network', 'processes', 'writes']);
  });

  it('runs the bundled ffprobe under all protections, without the libraries of the system', async () => {
    expect(bundled.libraries).toBe(false);
    await writeFile(join(folder, 'probe/video'), fixture('mpeg2.avi'));
    expect(await runProgram({ sandbox: bundled })).toContain('"codec_name": "mpeg2video"');
  });

  const installed = existsSync('/usr/bin/ffprobe') ? ['/usr/bin/ffprobe', 'ffprobe'] : [];
  it.each(installed)("runs the system's %s under all protections", async (ffprobePath) => {
    const detected = await detectSandbox(ffprobePath, FFPROBE_LIMITS);
    expect(detected.restricted).toEqual(bundled.restricted);
    await writeFile(join(folder, 'probe/video'), fixture('mpeg2.avi'));
    expect(await runProgram({ ffprobePath, sandbox: detected })).toContain('"codec_name": "mpeg2video"');
  });

  it('opens no decoder that is not listed', async () => {
    const avi = fixture('mpeg2.avi').toString('latin1').replaceAll(/mpg2/gi, 'IV50');
    await writeFile(join(folder, 'probe/video'), avi, 'latin1');
    const error = await failureOf(runProgram({ sandbox: bundled }));
    expect(error).toBeInstanceOf(VideoUnreadable);
    expect(error).toHaveProperty('cause.message', expect.stringContaining('not on whitelist'));
  });

  // dd allocates its buffer in one call, so the result does not depend on the speed of the machine.
  it('limits the memory of a program', async () => {
    const allocate = (size: string) => run(`exec /bin/dd if="$0" count=1 bs=${size}`);
    expect(await allocate('64M')).toContain('bs=64M');
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
    const script = '/bin/sleep 600 > /dev/null 2>&1 & echo $!';
    const child = (await run(script, { sandbox: without('processes', 'files') })).trim();
    expect(child).toMatch(/^\d+$/);
    const state = () => readFile(`/proc/${child}/stat`, 'utf8').catch(() => ') X');
    await expect.poll(state).toMatch(/\) [ZX]/);
  });

  it('passes no environment and no open files or sockets, and allows no core dump', async () => {
    await using _ = await open(secret);
    const server = createServer().listen(0, '127.0.0.1');
    const script = '/usr/bin/env; ulimit -c; exec /bin/ls -l /proc/self/fd';
    const output = await run(script, { sandbox: without('files', 'processes') }).finally(() => server.close());
    const lines = output.split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
    expect(lines.slice(0, 2)).toEqual(['0', 'total 0']);
    expect(output).toContain('1 -> ');
    expect(output).not.toMatch(/secret|[3-9] -> socket/);
  });

  it('does not interpret spaces and shell characters in a program name', async () => {
    const odd = join(folder, '$(touch injected) ; "x" *');
    await writeFile(odd, `#!/bin/sh\necho "$2"\n`);
    await chmod(odd, 0o755);
    expect(await run('', { ffprobePath: odd })).toBe('error\n');
    expect(await readdir(folder)).not.toContain('injected');
    expect(existsSync(join(folder, 'probe/injected'))).toBe(false);
  });

  it('reports a sandbox that cannot be set up as a failure of the environment, not of the video', async () => {
    const ffprobePath = join(folder, 'nowhere');
    expect(await failureOf(runProgram({ ffprobePath, sandbox }))).toHaveProperty('cause.syscall', 'exec');
  });
});

describe.skipIf(!has('writes'))('the sandbox without writes', () => {
  it('refuses 300 MB in one file, and in many', async () => {
    const block = 'x'.repeat(1_000);
    const script = (loops: number) => `
      trap '' XFSZ; files=0
      while [ $files -lt ${loops} ]; do echo ${block} > out$files && echo written; files=$((files + 1)); done; exit 0`;
    expect(await run(script(300))).toBe('');
    expect(await run(script(1), { sandbox: without('writes') })).toBe('written\n');
    const error = await failureOf(run(`echo ${block} > out`));
    expect(error).toHaveProperty('message', 'ffprobe tried to write a file');
    const probe = join(folder, 'probe');
    const sizes = await Promise.all((await readdir(probe)).map((name) => lstat(join(probe, name))));
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(100_000);
  });
});

describe.skipIf(!has('files'))('the sandbox without files', () => {
  it('hides all files but the program, the video and the system libraries', async () => {
    const read = `IFS= read -r text < ${secret} && echo "$text"; exit 0`;
    expect(await run(read)).toBe('');
    expect(await run(read, { sandbox: without('files') })).toBe('password\n');
    await writeFile(join(folder, 'probe/video'), 'pictures\n');
    expect(await run('IFS= read -r text < video && echo "$text"; echo /*')).toBe(
      'pictures\n/bin /etc /lib /lib64 /program /sbin /usr /video\n'.replaceAll(/\/\S+/g, (path) =>
        path === '/program' || path === '/video' || existsSync(path) ? path : '',
      ),
    );
  });

  it('does not let a program leave its root, mount, or change the system', async () => {
    const attempts = [
      'chroot / /bin/true',
      'unshare --user /bin/true',
      'unshare --mount /bin/true',
      'mount -t tmpfs none /usr',
      'umount /usr',
      'mount -o remount,bind,rw /usr',
      ': > /usr/bin/written',
    ];
    const script = attempts.map((attempt) => `(${attempt}) && echo '${attempt}'`).join('\n');
    expect(await run(`${script}\nexit 0`, { sandbox: without('processes') })).toBe('');
    expect(readFileSync(secret, 'utf8')).toBe('password\n');
  });
});

describe.skipIf(!has('processes'))('the sandbox without processes', () => {
  it('refuses to start another process', async () => {
    const fork = '(exit 0); echo forked';
    expect(await failureOf(run(fork))).toHaveProperty('cause.message', expect.stringMatching(/fork/i));
    expect(await run(fork, { sandbox: without('processes') })).toBe('forked\n');
  });
});

describe.skipIf(!has('network') || !existsSync('/usr/bin/perl'))('the sandbox without network', () => {
  it.each(['tcp', 'unix'] as const)('refuses a connection over %s', async (kind) => {
    let connections = 0;
    await using server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    const path = join(folder, 'socket');
    await new Promise<void>((resolve) =>
      kind === 'tcp' ? server.listen(0, '127.0.0.1', resolve) : server.listen(path, resolve),
    );
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const target =
      kind === 'tcp'
        ? `socket(S, 2, 1, 0) && connect(S, pack('S n C4 x8', 2, ${port}, 127, 0, 0, 1))`
        : `socket(S, 1, 1, 0) && connect(S, pack('S a108', 1, '${path}'))`;
    const script = `print((${target}) ? 'connected' : 'refused');`;
    // A socket in the file system is hidden with the files, not with the network.
    const refused = kind === 'tcp' || has('files');
    expect(await run(script, {}, '/usr/bin/perl')).toBe(refused ? 'refused' : 'connected');
    expect(await run(script, { sandbox: without('network', 'files') }, '/usr/bin/perl')).toBe('connected');
    expect(connections).toBe(refused ? 1 : 2);
  });
});
