import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { freePort, freePorts } from '../ports.ts';
import { compileCache, killAllProcesses, type ProcessOptions, startProcess, waitUntilReady } from '../process.ts';
import { createService, type Exit } from '../service.ts';
import { waitFor } from '../wait.ts';

const POLL = { timeout: 150_000, interval: 50 };

/** Starts a Node process with this program. */
function startNode(program: string, options: Partial<ProcessOptions> = {}) {
  const started = startProcess({ name: 'test', file: process.execPath, args: ['-e', program], ...options });
  onTestFinished(async () => void (await started.kill()));
  return started;
}

const WAIT = 'setInterval(() => {}, 1000);';

describe('startProcess', () => {
  it('collects the lines and is ready at the ready line', async () => {
    const program = `console.log('one'); console.error('two'); ${WAIT}`;
    const started = startNode(program, { readyLine: /two/ });
    await waitUntilReady(started);
    await expect.poll(() => started.lines.toSorted(), POLL).toEqual(['one', 'two']);
  });

  it('blocks the output, which arrives when it is unblocked', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blocked-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'blocked');
    const write = `process.stdout.write('line\\n'); if (process.stdout.writableLength > 100) fs.writeFileSync('${file}', '');`;
    const started = startNode(`const fs = require('fs'); setInterval(() => { ${write} }, 20);`, { blockable: true });
    const count = () => started.lines.filter((line) => line === 'line').length;
    await expect.poll(count, POLL).toBeGreaterThan(3);
    await started.outputPipe?.block();
    const before = count();
    await expect.poll(() => existsSync(file), POLL).toBe(true);
    expect(count()).toBe(before);
    started.outputPipe?.unblock();
    await expect.poll(count, POLL).toBeGreaterThan(before + 20);
    await started.outputPipe?.block();
    expect(await started.kill()).toBe('SIGKILL');
  });

  it('passes on no environment variable of this process but the folder of compiled sources', async () => {
    const started = startNode('console.log(Object.keys(process.env).join())', { env: { A: '1' } });
    expect(await started.ended).toBe('0');
    expect(started.lines).toEqual([[...Object.keys(compileCache()), 'A'].join()]);
  });

  it('reports a process that ends before it is ready, with its last lines', async () => {
    const started = startNode("console.error('no database'); process.exit(3)", { readyLine: /never/ });
    await expect(waitUntilReady(started)).rejects.toThrow(/test ended \(3\) before it was ready:\nno database/);
  });

  it('reports a program that does not exist', async () => {
    const started = startProcess({ name: 'missing', file: '/no/such/program', readyLine: /x/ });
    await expect(waitUntilReady(started)).rejects.toThrow(/missing ended \(.*ENOENT\)/);
  });

  it('stops a process that is paused', async () => {
    const started = startNode(`process.on('SIGTERM', () => process.exit(0)); console.log('ready'); ${WAIT}`, {
      readyLine: /ready/,
    });
    await waitUntilReady(started);
    started.pause();
    expect(await started.stop()).toBe('0');
    expect([started.running, started.endedBy]).toEqual([false, 'SIGTERM']);
  });

  it('kills everything that still runs', async () => {
    const started = [startNode(WAIT), startNode(WAIT)];
    await killAllProcesses();
    expect(await Promise.all(started.map(({ ended }) => ended))).toEqual(['SIGKILL', 'SIGKILL']);
  });
});

describe('createService', () => {
  async function createTestService(supervised: boolean) {
    const folder = await mkdtemp(join(tmpdir(), 'service-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const exits: Exit[] = [];
    const logFile = join(folder, 'log');
    const args = ['-e', `console.log('ready'); ${WAIT}`];
    const service = createService({
      name: 'service',
      supervised,
      launch: (name) => startProcess({ name, file: process.execPath, args, readyLine: /ready/, logFile }),
      onExit: (exit) => exits.push(exit),
    });
    onTestFinished(() => service.stop());
    await service.start();
    return { service, exits, logFile };
  }

  it('replaces a supervised process that was killed, and logs both', async () => {
    const { service, exits, logFile } = await createTestService(true);
    await service.kill();
    await service.start();
    expect(service.processName()).toBe('service.2');
    expect(exits).toMatchObject([{ process: 'service.1', sent: 'SIGKILL', how: 'SIGKILL', lastLines: 'ready' }]);
    const log = () => readFile(logFile, 'utf8');
    await expect.poll(log, POLL).toBe('service.1 ready\nservice.2 ready\n');
  });

  it('does not replace a process that was stopped, nor an unsupervised one', async () => {
    const { service, exits } = await createTestService(true);
    await service.stop();
    const { service: unsupervised } = await createTestService(false);
    await unsupervised.kill();
    expect([service.process?.running, unsupervised.process?.running]).toEqual([false, false]);
    await unsupervised.start();
    expect(unsupervised.processName()).toBe('service.2');
    expect([service.processName(), exits.length]).toEqual(['service.1', 1]);
  });
});

describe('ports and waiting', () => {
  it('returns different ports on which a server can listen', async () => {
    const ports = [...(await freePorts(5)), await freePort()];
    expect(new Set(ports).size).toBe(6);
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(ports[0], '127.0.0.1', resolve));
  });

  it('waits for a truthy value, and names what did not happen', async () => {
    const read = vi.fn().mockReturnValueOnce(0).mockReturnValueOnce(7);
    expect(await waitFor(read, { what: 'a number' })).toBe(7);
    const never = waitFor(() => false, { what: 'the end', timeoutMs: 0 });
    await expect(never).rejects.toThrow('timed out after 0 s waiting for the end');
  });
});
