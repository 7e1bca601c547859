import { once } from 'node:events';
import { connect } from 'node:net';
import { Registry } from '@prometheus-io/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { checkDatabase } from '#prisma/readiness.ts';
import { migrateQueue } from '#redis/migrate.ts';
import { consumeAlerts, openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createMetrics } from '../metrics.ts';
import { type Check, startOpsServer } from '../ops-server.ts';

const metrics = createMetrics(new Registry());
const well: Check = async () => undefined;

async function open(checks: Record<string, Check>) {
  const ops = await startOpsServer({ host: '127.0.0.1', port: 0, checks, metrics: metrics.registry });
  onTestFinished(() => ops.close());
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`http://127.0.0.1:${ops.port}${path}`, init);
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? '' : JSON.parse(text) };
  };
  return { ...ops, ask };
}

async function until(look: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await look()); ) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('/readyz', () => {
  it('is 200 when every part is well, and says which it asked', async () => {
    const { ask } = await open({ database: well, queue: well });
    const { status, headers, body } = await ask('/readyz');
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'ready', checks: { database: 'ok', queue: 'ok' } },
    });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('is 503 with the sentence of the part at fault beside those that are well', async () => {
    const { ask } = await open({ database: async () => 'the database does not answer', queue: well });
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { status: 'not ready', checks: { database: 'the database does not answer', queue: 'ok' } },
    });
  });

  it('follows a real database and a real consumer: red before it takes jobs, green, red once it closes', async () => {
    const database = await createTestDatabase();
    await migrateQueue(database.url);
    const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
    const queue = openAlertQueue(database.url, () => {});
    onTestFinished(async () => {
      await queue.close();
      await db.$disconnect();
      await database.drop();
    });
    let consumer: ReturnType<typeof consumeAlerts> | undefined;
    const { ask } = await open({
      database: () => checkDatabase(db),
      queue: () => queue.ping().then(() => undefined),
      consuming: async () => (consumer?.consuming() ? undefined : 'no'),
    });
    const status = async () => (await ask('/readyz')).status;
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: { checks: { database: 'ok', consuming: 'no' } } });
    consumer = consumeAlerts(database.url, async () => ({ kind: 'done' }), { concurrency: 1, onError: () => {} });
    await until(async () => (await status()) === 200);
    await consumer.close(0);
    expect(await status()).toBe(503);
  });
});

describe('/livez', () => {
  it('is 200 whatever is at fault', async () => {
    const { ask } = await open({ database: async () => 'away' });
    expect(await ask('/livez')).toMatchObject({ status: 200, body: { status: 'alive' } });
  });
});

describe('the door', () => {
  it('gives out nothing else and changes nothing', async () => {
    const { ask } = await open({});
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/readyz/x')).status).toBe(404);
    const post = await ask('/livez', { method: 'POST' });
    expect({ status: post.status, allow: post.headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD' });
    expect(await ask('/livez', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('tells a taken port and the variable that changes it', async () => {
    const { port } = await open({});
    await expect(startOpsServer({ host: '127.0.0.1', port, checks: {}, metrics: metrics.registry })).rejects.toThrow(
      `it cannot listen on 127.0.0.1:${port} (OPS_PORT): another program has this port`,
    );
  });

  it('closes at once under a client that holds on', async () => {
    const ops = await startOpsServer({ host: '127.0.0.1', port: 0, checks: {}, metrics: metrics.registry });
    const socket = connect(ops.port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    const started = performance.now();
    await ops.close();
    await gone;
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('/metrics', () => {
  it('prints what the worker counted', async () => {
    const { port } = await open({});
    metrics.registry.resetMetrics();
    metrics.reconciled.inc(3);
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=/);
    expect(await answer.text()).toContain('alerts_reconciled_total 3');
  });
});
