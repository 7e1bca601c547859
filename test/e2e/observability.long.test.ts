import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { mediaSettings } from '../harness/media.ts';
import { type RedisServer, startRedisServer } from '../harness/redis.ts';
import { type Stack, type StackOptions, startStack } from '../harness/stack.ts';
import { findTestProgram } from '../harness/system-packages.ts';
import { createTestDatabase } from '../harness/test-database.ts';
import { addFailingDestination } from './failing-destination.ts';

// The metrics, logs and profiles of an api and a worker.

const POLL = { timeout: 300_000, interval: 100 };
const LIMIT_MS = 180_000;

describe.skipIf(inject('redisUrl') === null)('a stack on Redis', { timeout: LIMIT_MS }, () => {
  const SECRETS = {
    redis: 'hush-redis-7Yq',
    database: 'hush-pg-3Kp',
    cookie: 'hush-cookie-9Zw',
    badKey: 'hush-key-5Xr',
  };
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedisServer();
    onTestFinished(() => redis.stop());
  });
  const start = async (options: StackOptions): Promise<Stack> => {
    const stack = await startStack({ backend: 'redis', redis, ...options });
    onTestFinished(() => stack.close());
    return stack;
  };

  it('exposes the metrics that alert rules and dashboard use, in Prometheus’s format', async () => {
    const media = await mkdtemp(join(tmpdir(), 'media-'));
    onTestFinished(() => rm(media, { recursive: true }));
    // Only an api with a replica has its metrics, also if the replica cannot be reached.
    const replica = { DATABASE_REPLICA_URL: 'postgres://127.0.0.1:1/none' };
    const stack = await start({ env: { ...(await mediaSettings(media)), ...replica } });
    await addFailingDestination(stack.databaseUrl);
    await addBackupRuns(stack.databaseUrl);
    await stack.waitUntilNotified(await stack.post());
    const ofWorker = async () => (await fetch(`${stack.opsUrl}/metrics`)).text();
    await expect
      .poll(ofWorker, { timeout: 300_000 })
      .toMatch(/^deliveries_pending\{.*destination="unreachable".*\} 1$/m);
    const texts = [await (await stack.request('/metrics')).text(), await ofWorker()];
    const exposed = new Set(
      texts.flatMap((text) => [...text.matchAll(/^([a-z_]+)(?:\{| )/gm)].map(([, name]) => name)),
    );
    for (const name of usedMetrics()) expect(exposed, name).toContain(name);
    const promtool = await findTestProgram({ commands: ['promtool'], aptPackage: 'prometheus' }, process.env);
    if ('missing' in promtool) return;
    for (const text of texts) {
      const checked = promisify(execFile)(promtool.path, ['check', 'metrics']);
      checked.child.stdin?.end(text);
      expect(await checked).toEqual({ stdout: '', stderr: '' });
    }
  });

  it('writes no password, key or cookie into its logs', async () => {
    const database = await createTestDatabase();
    onTestFinished(database.drop);
    const databaseUrl = new URL(database.url);
    databaseUrl.password ||= SECRETS.database;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['api/auth/keys-cli.ts', 'create', '--name', 'test', '--scope', 'write,read'],
      { cwd: join(import.meta.dirname, '../..'), env: { DATABASE_URL: databaseUrl.href } },
    );
    const key = stdout.trim();
    await redis.send(`CONFIG SET requirepass ${SECRETS.redis}`);
    const queueUrl = `redis://:${SECRETS.redis}@127.0.0.1:${redis.port}`;
    const stack = await start({
      database: { url: databaseUrl.href },
      queueUrl,
      env: { LOG_LEVEL: 'trace', AUTH: 'keys' },
    });
    const authorization = `Bearer ${key}`;
    const uuid = await stack.post({ video: '/videos/test_3.mov' }, { authorization });
    await stack.waitUntilNotified(uuid, { authorization });
    const attempts: RequestInit[] = [
      { headers: { authorization: `Bearer va_0a1b2c3d4e_${SECRETS.badKey}` } },
      { headers: { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` } },
      { headers: { cookie: `va_key=${SECRETS.cookie}; other=${SECRETS.cookie}` } },
      { headers: { 'x-api-key': key } },
      { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: `{"key":"${key}"` },
    ];
    for (const init of attempts) await stack.request('/alerts', init);
    await redis.stop();
    await stack.request('/readyz');
    await stack.request('/alerts', { headers: { authorization } });
    const lines = () => [...stack.apis, ...stack.workers].flatMap((service) => service.lines);
    await expect.poll(() => lines().join('\n'), POLL).toContain('queue connection lost');
    expect(lines().length).toBeGreaterThan(10);
    const secretOfKey = key.split('_').slice(2).join('_');
    const basic = Buffer.from(`x:${key}`).toString('base64');
    const secrets = [databaseUrl.password, SECRETS.redis, SECRETS.cookie, SECRETS.badKey, secretOfKey, basic];
    for (const secret of secrets) expect(lines().filter((line) => line.includes(secret))).toEqual([]);
  });

  it('writes a CPU profile at SIGUSR2, and continues', async () => {
    const profiles = await mkdtemp(join(tmpdir(), 'profiles-'));
    onTestFinished(() => rm(profiles, { recursive: true }));
    const stack = await start({ env: { PROFILE_DIR: profiles, PROFILE_SECONDS: '1' } });
    const services = [...stack.apis, ...stack.workers];
    for (const { process } of services) process?.child.kill('SIGUSR2');
    for (const service of services)
      await expect.poll(() => service.lines.join('\n'), POLL).toContain('CPU profile written');
    const names = (await readdir(profiles)).map((name) => name.split('-')[2]);
    expect(names.sort()).toEqual(['api', 'worker']);
    const uuid = await stack.post({ video: '/videos/test_4.mkv' });
    expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
  });
});

/** Returns every metric in the alert rules and on the dashboard, except `up`, which Prometheus adds. */
function usedMetrics(): string[] {
  const rules = readFileSync(new URL('../../observability/prometheus/rules.yml', import.meta.url), 'utf8');
  const { panels } = JSON.parse(
    readFileSync(new URL('../../observability/grafana/dashboard.json', import.meta.url), 'utf8'),
  ) as {
    panels: { targets: { expr: string }[] }[]; // Grafana's format
  };
  const inRules = [...rules.matchAll(/expr: ((?:.*)(?:\n {10,}.*)*)/g)].map(([, expr = '']) => expr);
  const exprs = [...inRules, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))];
  expect(exprs.length).toBeGreaterThan(30);
  const bare = exprs.map((expr) =>
    expr
      .replace(/\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\b(?:by|on) \([^)]*\)/g, '')
      .replace(/\b\w+\s*\(|\b(?:and|or|unless)\b/g, ''),
  );
  const names = bare.flatMap((expr) => expr.match(/\b[a-z]\w+\b/g) ?? []);
  return [...new Set(names)].filter((name) => name !== 'up').sort();
}

/** Records a backup and a restore drill: their metrics are absent before the first one. */
async function addBackupRuns(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `INSERT INTO backup_runs (kind, succeeded_at, name, seconds) VALUES ('backup', now(), 'b', 1), ('restore_drill', now(), 'b', 1)`,
  );
  await client.end();
}
