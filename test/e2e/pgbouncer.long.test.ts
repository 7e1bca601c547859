import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { withSessionLock } from '#prisma/session-lock.ts';
import { startPooledDatabase } from '#test/harness/pooled-database.ts';
import { startProcess } from '#test/harness/process.ts';
import { type Backend, startStack } from '#test/harness/stack.ts';

const OPTIONS = { timeout: 600_000 };
const ALERTS = 60;

describe('behind PgBouncer in transaction mode', () => {
  it.each<Backend>(['redis', 'postgres'])('alerts are processed, with the queue on %s', OPTIONS, async (backend) => {
    if (backend === 'redis' && inject('redisUrl') === null) return;
    const fixture = await startPooledDatabase(onTestFinished);
    if (fixture === undefined) return;
    const { server, pooled, direct } = fixture;
    const stack = await startStack({
      backend,
      database: { url: server.url, urlFor: () => pooled },
      env: { DATABASE_DIRECT_URL: direct, ...(backend === 'postgres' && { QUEUE_URL: '' }) },
    });
    onTestFinished(() => stack.close());
    const uuids = await Promise.all(Array.from({ length: ALERTS }, () => stack.post()));
    for (const uuid of uuids) {
      expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed', attempts: 1 });
    }
    // Sessions are shared: each needs what PgBouncer does not pass on from its role.
    const statistics = await stack.request('/alerts/statistics');
    expect(await statistics.json()).toMatchObject({ counts: { processed: ALERTS } });
    const again = await stack.request(`/alerts?limit=200`);
    expect(((await again.json()) as { data: unknown[] }).data).toHaveLength(ALERTS);
    const lines = [...stack.apis, ...stack.workers].flatMap(({ lines: each }) => each);
    expect(lines.filter((line) => /prepared statement|the database (rejected|is unavailable)/.test(line))).toEqual([]);
    expect(await withSessionLock(direct, { key: 1, name: 'test' }, async () => {})).toBe(true);
  });

  it('a role without the settings is refused with what to do', OPTIONS, async () => {
    const fixture = await startPooledDatabase(onTestFinished);
    if (fixture === undefined) return;
    const { server, bouncer, pooled, direct } = fixture;
    await server.query('ALTER ROLE alerts_app IN DATABASE alerts RESET ALL');
    const env = { DATABASE_URL: pooled, DATABASE_DIRECT_URL: direct, AUTH: 'off', PORT: '0' };
    const start = (name: string) => startProcess({ name, entry: 'api/index.ts', env });
    const refused = start(`api-${randomUUID()}`);
    refused.ready.catch(() => {});
    expect(await refused.ended).toBe('1');
    const text = refused.lines.join('\n');
    expect(text).toContain('statement_timeout is 0');
    const [, sql = ''] = /and run: (.*) Then let/.exec(text) ?? [];
    expect(sql).toContain("ALTER ROLE CURRENT_USER SET lock_timeout = '7000';");
    // As the role itself, without an administrator.
    for (const statement of sql.split(';').filter((each) => each.trim())) await queryAs(direct, statement);
    await bouncer.command('RECONNECT');
    const started = start(`api-${randomUUID()}`);
    onTestFinished(async () => void (await started.stop()));
    await expect(started.ready).resolves.toMatchObject({ ready: true });
  });
});

async function queryAs(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
