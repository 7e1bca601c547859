import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { expectSamples, interrupt, LIMIT_MS, POLL, remainingProcesses, useLocalStart } from './start-fixture.ts';

// What a newcomer sees who runs `npm start`: output, ports and processes only.

const fixture = useLocalStart();

describe('npm start', { timeout: LIMIT_MS }, () => {
  it('processes the samples on an empty folder, accepts the printed curl command, and stops completely', async () => {
    const local = await fixture.startReady();
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
    expect(await remainingProcesses(fixture.dataDir)).toEqual([]);
    expect(await readdir(fixture.dataDir)).not.toContain('starter.pid');
  });

  it('reports a port in use in one sentence, before anything starts', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const local = await fixture.start({ PORT: `${port}` });
    expect(await local.ended).toBe('1');
    other.close();
    expect(local.lines.filter(Boolean)).toEqual([
      `Port ${port} is in use. Stop the program that uses it, or set PORT: PORT=${port + 1} npm start`,
    ]);
    expect(await readdir(fixture.dataDir)).toEqual([]);
  });

  it('reports every configuration error at once', async () => {
    const local = await fixture.start({ PORT: 'http', DATABASE_URL: 'sqlite:x', QUEUE_URL: 'amqp://x' });
    expect(await local.ended).toBe('1');
    for (const name of ['PORT', 'DATABASE_URL', 'QUEUE_URL']) expect(local.lines.join('\n')).toContain(`${name}:`);
  });
});
