import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { eventually, newAlert } from './test-api.ts';

const ENTRY = fileURLToPath(new URL('../index.ts', import.meta.url));

type Run = { child: ChildProcess; lines: string[]; ended: Promise<string> };

let database: TestDatabase;
let run: Run | undefined;
beforeEach(async () => {
  database = await createTestDatabase();
  await migrateQueue(database.url);
});
afterEach(async () => {
  run?.child.kill('SIGKILL');
  await run?.ended;
  await database.drop();
});

function start(env: Record<string, string>): Run {
  const child = spawn(process.execPath, [ENTRY], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (l) => lines.push(l));
  run = { child, lines, ended: once(child, 'close').then(([code, signal]) => String(signal ?? code)) };
  return run;
}

async function listening({ lines }: Run): Promise<string> {
  return eventually(async () => {
    const line = lines.find((text) => text.includes('"api server listening"'));
    return line && `http://127.0.0.1:${JSON.parse(line).port}`;
  });
}

async function alter(sql: string): Promise<void> {
  const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
  await db.$executeRawUnsafe(sql);
  await db.$disconnect();
}

describe('an api process', () => {
  it('answers on loopback, and told to stop lets the request under way end', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    const url = await listening(api);
    const body = JSON.stringify(newAlert());
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const agent = new Agent({ keepAlive: true });
    const sent = request(`${url}/alerts`, { method: 'POST', headers, agent });
    sent.write(body.slice(0, 10));
    await eventually(async () => sent.socket?.bytesWritten || undefined);
    api.child.kill('SIGTERM');
    // Red first, each connection closed behind its answer; only then is the door shut.
    const red = await eventually(async () => {
      const answer = await fetch(`${url}/readyz`);
      return answer.status === 503 ? answer : undefined;
    });
    expect(red.headers.get('connection')).toBe('close');
    await eventually(async () => (await fetch(`${url}/livez`).catch(() => 'refused')) === 'refused' || undefined);
    const responded = once(sent, 'response');
    sent.end(body.slice(10));
    const [answer] = await responded;
    expect(answer.statusCode).toBe(202);
    answer.resume();
    expect(await api.ended).toBe('0');
    agent.destroy();
  });

  it('asks for a key unless told otherwise, and says how to make the first one', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0' });
    const url = await listening(api);
    expect((await fetch(`${url}/alerts`)).status).toBe(401);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const told = api.lines.join('\n');
    expect(told).toContain('No key exists yet, so every request is rejected.');
    const [, args = ''] = /npm run keys -- (create .+)/.exec(told) ?? [];
    const entry = fileURLToPath(new URL('../auth/keys-cli.ts', import.meta.url));
    const { stdout } = spawnSync(process.execPath, [entry, ...args.split(' ')], {
      env: { DATABASE_URL: database.url },
    });
    const headers = { authorization: `Bearer ${String(stdout).trim()}` };
    expect((await fetch(`${url}/alerts`, { headers })).status).toBe(200);
  });

  it('refuses AUTH=off where strangers could reach it', async () => {
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off', HOST: '0.0.0.0', PUBLISHED_ON: '0.0.0.0' });
    expect(await api.ended).toBe('1');
    expect(api.lines.join('\n')).toMatch(
      /AUTH: off accepts requests from everyone, and HOST is not loopback.+PUBLISHED_ON=127\.0\.0\.1/,
    );
  });

  it('takes AUTH=off in a container that is published on loopback alone', async () => {
    const api = start({
      DATABASE_URL: database.url,
      PORT: '0',
      AUTH: 'off',
      HOST: '0.0.0.0',
      PUBLISHED_ON: '127.0.0.1',
    });
    expect((await fetch(`${await listening(api)}/alerts`)).status).toBe(200);
  });

  it('refuses a database without migrations in one sentence', async () => {
    await alter('DROP TABLE _prisma_migrations');
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    expect(await api.ended).toBe('1');
    expect(api.lines).toEqual([
      expect.stringMatching(/^The api cannot start: the database lacks.+npm run migrate.+\.$/),
    ]);
  });

  it('refuses a database of a newer version in one sentence', async () => {
    await alter(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
      VALUES ('x', 'x', '99990101000000_future', now(), 1)`);
    const api = start({ DATABASE_URL: database.url, PORT: '0', AUTH: 'off' });
    expect(await api.ended).toBe('1');
    expect(api.lines).toEqual([expect.stringMatching(/^The api cannot start:.+newer version.+99990101000000_future/)]);
  });

  it('waits for a database that is not there yet, without exiting', async () => {
    const api = start({ DATABASE_URL: 'postgres://u:hush@127.0.0.1:9/alerts', PORT: '0' });
    await eventually(
      async () => api.lines.filter((l) => l.includes('waiting for the database')).length >= 2 || undefined,
    );
    expect(api.child.exitCode).toBeNull();
    expect(api.lines.join('\n')).not.toContain('hush');
  });

  it('tells a taken port in one sentence', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const api = start({ DATABASE_URL: database.url, PORT: `${port}` });
    expect(await api.ended).toBe('1');
    expect(api.lines).toContain(`Port ${port} is in use: stop the program that listens there, or set PORT.`);
    taken.close();
  });

  it('names every fault of its configuration at once and never a value', async () => {
    const api = start({
      DATABASE_URL: 'mysql://u:hush@h/d',
      PORT: '99999',
      TRUST_PROXY: 'all',
      LOG_LEVEL: 'loud',
      AUTH: 'no',
      CORS_ORIGINS: '*',
    });
    expect(await api.ended).toBe('1');
    const told = api.lines.join('\n');
    for (const name of ['DATABASE_URL', 'PORT', 'TRUST_PROXY', 'LOG_LEVEL', 'AUTH', 'CORS_ORIGINS'])
      expect(told).toContain(`${name}:`);
    expect(told).not.toMatch(/hush|99999|loud/);
  });
});
