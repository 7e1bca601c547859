import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
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

  it('says that Redis is unavailable before anything starts, and can be stopped while it waits', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const local = await fixture.start({ AUTH: 'keys', QUEUE_URL: `redis://:s3cret@${host}` });
    const notice = `QUEUE_URL: Redis at ${host} is unavailable (`;
    const lines = () => local.lines.filter(Boolean);
    await expect.poll(lines, POLL).toEqual([expect.stringMatching(/^QUEUE_URL: .+ Trying for 30 s\.$/)]);
    expect(lines()[0]).toContain(notice);
    await interrupt(local);
    expect(lines()).toEqual([expect.not.stringContaining('s3cret')]);
    expect(await readdir(fixture.dataDir)).toEqual([]);
  });

  it('names the variable of a database that is unavailable', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const local = await fixture.start({ DATABASE_URL: `postgres://u:s3cret@${host}/x` });
    expect(await local.ended).toBe('1');
    expect(local.lines.filter(Boolean)).toEqual([
      `DATABASE_URL: cannot open the database at ${host}: connect ECONNREFUSED ${host}`,
    ]);
  });

  it('reports a HOST that this machine does not have, before anything starts', async () => {
    const local = await fixture.start({ HOST: '192.0.2.1', AUTH: 'keys' }); // reserved for documentation
    expect(await local.ended).toBe('1');
    expect(local.lines.filter(Boolean)).toEqual([
      expect.stringMatching(/^Cannot listen on 192\.0\.2\.1:\d+ \(HOST, PORT\): EADDRNOTAVAIL$/),
    ]);
    expect(await readdir(fixture.dataDir)).toEqual([]);
  });

  it('reports every configuration error of all its processes at once, before anything starts', async () => {
    const invalid = {
      ...{ PORT: 'http', DATABASE_URL: 'sqlite:x', QUEUE_URL: 'amqp://x', WORKER_CONCURRENCY: '0', MAX_HELD: '-1' },
      ...{ AUTH: 'off', HOST: '10.0.0.1', VIDEO_PUBLIC_URL: 'http://10.0.0.1:8080', VIDEOS_DIR: '/nowhere' },
    };
    const local = await fixture.start(invalid);
    expect(await local.ended).toBe('1');
    const [title, ...errors] = local.lines.filter(Boolean);
    expect(title).toBe('Invalid configuration:');
    expect(errors.map((line) => line.trim().split(':')[0]).toSorted()).toEqual(
      Object.keys(invalid)
        .filter((name) => name !== 'HOST')
        .toSorted(),
    );
    expect(await readdir(fixture.dataDir)).toEqual([]);
  });
});
