import { once } from 'node:events';
import { connect } from 'node:net';
import { Registry } from '@prometheus-io/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { checkDatabase } from '#prisma/readiness.ts';
import { consumeAlerts, openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { createMetrics } from '../metrics.ts';
import { type Check, startOpsServer } from '../ops-server.ts';

const metrics = createMetrics(new Registry());
const healthy: Check = async () => undefined;

async function open(checks: Record<string, Check>) {
  const ops = await startOpsServer({ host: '127.0.0.1', port: 0, checks, metrics: metrics.registry });
  onTestFinished(() => ops.close());
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${ops.port}${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? '' : JSON.parse(text) };
  };
  return { ...ops, get };
}

describe('/readyz', () => {
  it('returns 200 with the result of each check when all succeed', async () => {
    const { get } = await open({ database: healthy, queue: healthy });
    const { status, headers, body } = await get('/readyz');
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'ready', checks: { database: 'ok', queue: 'ok' } },
    });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('returns 503 with the message of the failed check', async () => {
    const { get } = await open({ database: async () => 'the database is unavailable', queue: healthy });
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      body: { status: 'not ready', checks: { database: 'the database is unavailable', queue: 'ok' } },
    });
  });

  it('follows a real consumer: 503 before it takes jobs, 200 while it does, 503 once it closes', async () => {
    const database = await createTestDatabase({ queue: true });
    const db = openDatabase(database.url, { poolSize: 1, onError: () => {} });
    const queue = openAlertQueue(database.url, () => {});
    onTestFinished(async () => {
      await queue.close();
      await db.$disconnect();
      await database.drop();
    });
    let consumer: ReturnType<typeof consumeAlerts> | undefined;
    const { get } = await open({
      database: () => checkDatabase(db),
      queue: () => queue.ping().then(() => undefined),
      consuming: async () => (consumer?.consuming() ? undefined : 'no'),
    });
    const status = async () => (await get('/readyz')).status;
    expect(await get('/readyz')).toMatchObject({ status: 503, body: { checks: { database: 'ok', consuming: 'no' } } });
    consumer = consumeAlerts(database.url, async () => ({ kind: 'done' }), { concurrency: 1, onError: () => {} });
    await expect.poll(status, { timeout: 150_000 }).toBe(200);
    await consumer.close(0);
    expect(await status()).toBe(503);
  });
});

describe('/livez', () => {
  it('returns 200 while checks fail', async () => {
    const { get } = await open({ database: async () => 'unavailable' });
    expect(await get('/livez')).toMatchObject({ status: 200, body: { status: 'alive' } });
  });
});

describe('the ops server', () => {
  it('has no other path and no other method', async () => {
    const { get } = await open({});
    expect((await get('/')).status).toBe(404);
    expect((await get('/readyz/x')).status).toBe(404);
    const post = await get('/livez', { method: 'POST' });
    expect({ status: post.status, allow: post.headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD' });
    expect(await get('/livez', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('names the port in use and its environment variable', async () => {
    const { port } = await open({});
    await expect(startOpsServer({ host: '127.0.0.1', port, checks: {}, metrics: metrics.registry })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port} (OPS_PORT): another program uses this port`,
    );
  });

  it('closes while a client keeps its connection open', async () => {
    const ops = await startOpsServer({ host: '127.0.0.1', port: 0, checks: {}, metrics: metrics.registry });
    const socket = connect(ops.port, '127.0.0.1');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await ops.close();
    await closed;
  });
});

describe('/metrics', () => {
  it('returns the worker’s counters', async () => {
    const { port } = await open({});
    metrics.registry.resetMetrics();
    metrics.reconciled.inc(3);
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=/);
    expect(await response.text()).toContain('alerts_reconciled_total 3');
  });
});
