import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { openStack, type Stack } from '../harness/observed-stack.ts';
import { type RedisServer, startRedisServer } from '../harness/redis.ts';
import { findTestProgram } from '../harness/system-packages.ts';
import { until } from '../harness/until.ts';

// What an api and a worker tell of themselves: over the rooms' borders, so out here.

let house: Stack;
beforeEach(async () => {
  house = await openStack();
  return () => house.close();
});

describe.skipIf(inject('redisUrl') === null)('a house on Redis', () => {
  const HUSH = { redis: 'hush-redis-7Yq', database: 'hush-pg-3Kp', cookie: 'hush-cookie-9Zw', bad: 'hush-key-5Xr' };
  let redis: RedisServer;
  let queueUrl: string;
  beforeEach(async () => {
    redis = await startRedisServer();
    execFileSync('redis-cli', ['-p', `${redis.port}`, 'CONFIG', 'SET', 'requirepass', HUSH.redis]);
    queueUrl = `redis://:${HUSH.redis}@127.0.0.1:${redis.port}`;
    return () => redis.stop();
  });

  it('prints the metrics that the alarms and the dashboard ask for, in the form that Prometheus wants', async () => {
    await house.start({ QUEUE_URL: queueUrl });
    await house.startVideos();
    await house.notified(await house.post('/videos/test_1.avi'));
    const texts = [await (await house.ask('/metrics')).text(), await (await fetch(`${house.ops}/metrics`)).text()];
    const printed = new Set(
      texts.flatMap((text) => [...text.matchAll(/^([a-z_]+)(?:\{| )/gm)].map(([, name]) => name)),
    );
    for (const name of askedFor()) expect(printed, name).toContain(name);
    const promtool = await findTestProgram({ commands: ['promtool'], aptPackage: 'prometheus' }, process.env);
    if ('missing' in promtool) return;
    for (const text of texts) {
      const checked = promisify(execFile)(promtool.path, ['check', 'metrics']);
      checked.child.stdin?.end(text);
      expect(await checked).toEqual({ stdout: '', stderr: '' });
    }
  });

  it('writes no password, key or cookie into any line of its logs', async () => {
    const databaseUrl = new URL(house.databaseUrl);
    databaseUrl.password ||= HUSH.database;
    const env = { DATABASE_URL: databaseUrl.href, QUEUE_URL: queueUrl, LOG_LEVEL: 'trace' };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['api/auth/keys-cli.ts', 'create', '--name', 'test', '--scope', 'write,read'],
      { cwd: join(import.meta.dirname, '../..'), env },
    );
    const key = stdout.trim();
    await house.start({ ...env, AUTH: 'keys' });
    await house.startVideos();
    const authorization = `Bearer ${key}`;
    await house.notified(await house.post('/videos/test_3.mov', { authorization }), { authorization });
    const tries: RequestInit[] = [
      { headers: { authorization: `Bearer va_0a1b2c3d4e_${HUSH.bad}` } },
      { headers: { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` } },
      { headers: { cookie: `va_key=${HUSH.cookie}; other=${HUSH.cookie}` } },
      { headers: { 'x-api-key': key } },
      { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: `{"key":"${key}"` },
    ];
    for (const init of tries) await house.ask('/alerts', init);
    await redis.stop();
    await house.ask('/readyz');
    await house.ask('/alerts', { headers: { authorization } });
    await until(() => house.parts.some(({ lines }) => lines.some((line) => line.includes('queue connection lost'))));
    const secrets = [databaseUrl.password, HUSH.redis, HUSH.cookie, HUSH.bad, key.split('_').slice(2).join('_')];
    const lines = house.parts.flatMap((part) => part.lines);
    expect(lines.length).toBeGreaterThan(10);
    for (const secret of secrets) expect(lines.filter((line) => line.includes(secret))).toEqual([]);
    // Nor in another coat.
    const basic = Buffer.from(`x:${key}`).toString('base64');
    expect(lines.filter((line) => line.includes(basic))).toEqual([]);
  });

  it('is profiled by SIGUSR2, and goes on', async () => {
    const { api, worker } = await house.start({ QUEUE_URL: queueUrl, PROFILE_SECONDS: '1' });
    await house.startVideos();
    for (const { child } of [api, worker]) child.kill('SIGUSR2');
    for (const { lines } of [api, worker])
      await until(() => lines.some((line) => line.includes('CPU profile written')));
    const files = readdirSync(house.profiles).map((name) => name.split('-')[2]);
    expect(files.sort()).toEqual(['api', 'worker']);
    expect(await house.notified(await house.post('/videos/test_4.mkv'))).toMatchObject({ status: 'processed' });
  });
});

/** Every metric named in the alarm rules and on the dashboard; `up` is Prometheus' own. */
function askedFor(): string[] {
  const rules = readFileSync(new URL('../../observability/prometheus/rules.yml', import.meta.url), 'utf8');
  const { panels } = JSON.parse(
    readFileSync(new URL('../../observability/grafana/dashboard.json', import.meta.url), 'utf8'),
  ) as {
    panels: { targets: { expr: string }[] }[]; // the form in which Grafana keeps it
  };
  const inRules = [...rules.matchAll(/expr: ((?:.*)(?:\n {10,}.*)*)/g)].map(([, expr = '']) => expr);
  const exprs = [...inRules, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))];
  expect(exprs.length).toBeGreaterThan(30);
  const bare = exprs.map((expr) =>
    expr.replace(/\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\bby \([^)]*\)/g, '').replace(/\b\w+\s*\(|\b(?:and|or|unless)\b/g, ''),
  );
  const names = bare.flatMap((expr) => expr.match(/\b[a-z]\w+\b/g) ?? []);
  return [...new Set(names)].filter((name) => name !== 'up').sort();
}
