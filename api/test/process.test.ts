import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { runCommand } from '#test/harness/run-command.ts';
import { alter, database, start, urlOf } from './api-process.ts';
import { newAlert, POLL } from './test-api.ts';

// More starts, with other settings and failures, are in process.long.test.ts.
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

  it('requires a key by default, and explains how to create the first one', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0' });
    const url = await urlOf(api);
    expect((await fetch(`${url}/alerts`)).status).toBe(401);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const output = api.lines.join('\n');
    expect(output).toContain('No key exists yet, so every request is rejected.');
    const [, args = ''] = /npm run keys -- (create .+)/.exec(output) ?? [];
    const created = await runCommand('api/auth/keys-cli.ts', args.split(' '), { DATABASE_URL: database.url });
    const headers = { authorization: `Bearer ${created.out.trim()}` };
    expect((await fetch(`${url}/alerts`, { headers })).status).toBe(200);
  });

  it('rejects a database without migrations in one sentence', async () => {
    await alter('DROP TABLE _prisma_migrations');
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    expect(await api.ended).toBe('1');
    expect(api.lines).toEqual([
      expect.stringMatching(/^The api cannot start: the database lacks.+npm run migrate.+\.$/),
    ]);
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
