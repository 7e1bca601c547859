import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { alter, database, start, urlOf } from './api-process.ts';
import { newAlert, POLL } from './test-api.ts';

describe('an api process', () => {
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
});
