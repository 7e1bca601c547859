import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { killAllProcesses, type Process, startProcess, waitUntilReady } from '#test/harness/process.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { newAlert, POLL } from './test-api.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ queue: true });
});
afterEach(async () => {
  await killAllProcesses();
  await database.drop();
});

const start = (env: Record<string, string>) => startProcess({ name: 'api', entry: 'api/index.ts', env });

/** Returns the URL of an api once it listens. */
async function urlOf(api: Process): Promise<string> {
  const { port } = Object(await waitUntilReady(api));
  return `http://127.0.0.1:${port}`;
}

async function alter(sql: string): Promise<void> {
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  await db.$executeRawUnsafe(sql);
  await db.$disconnect();
}

describe('an api process', () => {
  it('listens on loopback, and finishes requests in flight when it stops', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    const url = await urlOf(api);
    const body = JSON.stringify(newAlert());
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const agent = new Agent({ keepAlive: true });
    const sent = request(`${url}/alerts`, { method: 'POST', headers, agent });
    sent.write(body.slice(0, 10));
    await expect.poll(() => sent.socket?.bytesWritten, POLL).toBeTruthy();
    api.child.kill('SIGTERM');
    // First it is not ready and closes each connection after its response, then it accepts no connection. A request that
    // was received before the signal may still keep its connection.
    await vi.waitFor(async () => {
      const response = await fetch(`${url}/readyz`);
      expect(response.status).toBe(503);
      expect(response.headers.get('connection')).toBe('close');
    }, POLL);
    await expect.poll(() => fetch(`${url}/livez`).then(String, () => 'refused'), POLL).toBe('refused');
    const responded = once(sent, 'response');
    sent.end(body.slice(10));
    const [response] = await responded;
    expect(response.statusCode).toBe(202);
    response.resume();
    expect(await api.ended).toBe('0');
    agent.destroy();
  });

  it('reads the names of video sources again on SIGHUP, without their credentials', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sources-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'sources.yaml');
    const write = (name: string) =>
      writeFileSync(file, `sources: { ${name}: { kind: http, url: 'http://v.example', bearer_file: not-here } }`);
    write('first');
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off', SOURCES_FILE: file });
    const url = await urlOf(api);
    const headers = { 'content-type': 'application/json' };
    const post = async (source: string) => {
      const body = JSON.stringify({ ...newAlert(), source });
      const response = await fetch(`${url}/alerts`, { method: 'POST', headers, body });
      return `${response.status} ${await response.text()}`;
    };
    expect(await post('first')).toMatch(/^202 /);
    expect(await post('second')).toMatch(/^422 .*valid: one of first/);
    write('Invalid name');
    api.child.kill('SIGHUP');
    await expect.poll(() => api.lines.join('\n'), POLL).toContain('sources not reloaded');
    expect(await post('first')).toMatch(/^202 /);
    write('second');
    api.child.kill('SIGHUP');
    await expect.poll(() => post('second'), POLL).toMatch(/^202 /);
    expect(await post('first')).toMatch(/^422 .*valid: one of second/);
  });

  it('reports the errors of SOURCES_FILE and exits', async () => {
    const env = { DATABASE_URL: database.url, PORT: '0', AUTH: 'off', SOURCES_FILE: '/nowhere/sources.yaml' };
    const api = start(env);
    api.ready.catch(() => {});
    expect(await api.ended).toBe('1');
    expect(api.lines.join('\n')).toContain('SOURCES_FILE: cannot read /nowhere/sources.yaml');
  });

  it('requires a key by default, and explains how to create the first one', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0' });
    const url = await urlOf(api);
    expect((await fetch(`${url}/alerts`)).status).toBe(401);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const output = api.lines.join('\n');
    expect(output).toContain('No key exists yet, so every request is rejected.');
    const [, args = ''] = /npm run keys -- (create .+)/.exec(output) ?? [];
    const entry = fileURLToPath(new URL('../auth/keys-cli.ts', import.meta.url));
    const { stdout } = spawnSync(process.execPath, [entry, ...args.split(' ')], {
      env: { DATABASE_URL: database.url },
    });
    const headers = { authorization: `Bearer ${String(stdout).trim()}` };
    expect((await fetch(`${url}/alerts`, { headers })).status).toBe(200);
  });

  it('rejects AUTH=off on a public address', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off', HOST: '0.0.0.0', PUBLISHED_ON: '0.0.0.0' });
    expect(await api.ended).toBe('1');
    expect(api.lines.join('\n')).toMatch(
      /AUTH: off accepts requests from everyone, and HOST is not loopback.+PUBLISHED_ON=127\.0\.0\.1/,
    );
  });

  it('accepts AUTH=off in a container whose port is published on loopback', async () => {
    const api = start({
      DATABASE_URL: database.url,
      PORT: '0',
      AUTH: 'off',
      HOST: '0.0.0.0',
      PUBLISHED_ON: '127.0.0.1',
    });
    expect((await fetch(`${await urlOf(api)}/alerts`)).status).toBe(200);
  });

  it('rejects a database without migrations in one sentence', async () => {
    await alter('DROP TABLE _prisma_migrations');
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    expect(await api.ended).toBe('1');
    expect(api.lines).toEqual([
      expect.stringMatching(/^The api cannot start: the database lacks.+npm run migrate.+\.$/),
    ]);
  });

  it('rejects a database from which a newer version removed something, in one sentence', async () => {
    await alter(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
      VALUES ('x', 'x', '99990101000000_contract_99_0_0_colours', now(), 1)`);
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    expect(await api.ended).toBe('1');
    expect(api.lines).toEqual([
      expect.stringMatching(/^The api cannot start:.+newer version.+99990101000000_contract_99_0_0_colours/),
    ]);
  });

  it('waits for an unavailable database without exiting', async () => {
    const api = start({ DATABASE_URL: 'postgres://u:hush@127.0.0.1:9/alerts', PORT: '0' });
    await expect
      .poll(() => api.lines.filter((l) => l.includes('waiting for the database')).length >= 2, POLL)
      .toBeTruthy();
    expect(api.child.exitCode).toBeNull();
    expect(api.lines.join('\n')).not.toContain('hush');
  });

  it('reports a port in use in one sentence', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const api = start({ DATABASE_URL: database.url, PORT: `${port}` });
    expect(await api.ended).toBe('1');
    expect(api.lines).toContain(`Port ${port} is in use: stop the program that listens there, or set PORT.`);
    other.close();
  });

  it('reports all configuration errors at once, without values', async () => {
    const api = start({
      DATABASE_URL: 'mysql://u:hush@h/d',
      PORT: '99999',
      TRUST_PROXY: 'all',
      LOG_LEVEL: 'loud',
      AUTH: 'no',
      CORS_ORIGINS: '*',
    });
    expect(await api.ended).toBe('1');
    const output = api.lines.join('\n');
    for (const name of ['DATABASE_URL', 'PORT', 'TRUST_PROXY', 'LOG_LEVEL', 'AUTH', 'CORS_ORIGINS'])
      expect(output).toContain(`${name}:`);
    expect(output).not.toMatch(/hush|99999|loud/);
  });
});
