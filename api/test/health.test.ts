import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import express from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { healthRoutes } from '../operations/health.ts';
import { json, newAlert, POLL, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
afterEach(() => api.close());

// Nothing listens on port 9 (discard) of loopback.
const CLOSED_PORT = '127.0.0.1:9';

async function readyz() {
  const response = await fetch(`${api.url}/readyz`);
  return { status: response.status, body: await json(response) };
}

describe('with every component available', () => {
  it('is alive and ready', async () => {
    api = await startTestApi();
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    expect(await readyz()).toEqual({
      status: 200,
      body: { status: 'ready', checks: { database: 'ok', migrations: 'ok', database_disk: 'ok', queue: 'ok' } },
    });
  });

  it('is alive but not ready while it is stopping', async () => {
    api = await startTestApi();
    api.stop();
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    expect(await readyz()).toMatchObject({ status: 503, body: { detail: 'The process is stopping.' } });
  });
});

describe('for many requests at the same time', () => {
  it('checks once for all, and again for a later request', async () => {
    api = await startTestApi();
    let checks = 0;
    const allReceived = Promise.withResolvers<void>();
    const app = express().use(
      healthRoutes({
        async required() {
          checks += 1;
          await allReceived.promise;
          return { database: undefined };
        },
        deferrable: async () => ({}),
        stopping: () => false,
      }),
    );
    let requests = 0;
    const server = createServer((req, res) => {
      app(req, res);
      requests += 1;
      if (requests === 20) allReceived.resolve();
    }).listen(0);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`; // listening on TCP
    const responses = Array.from({ length: 20 }, () => fetch(url));
    expect((await Promise.all(responses)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(checks).toBe(1);
    await fetch(url);
    expect(checks).toBe(2);
    server.close();
  });
});

describe('without its database', () => {
  it('is alive, names the database, and responds with 503', async () => {
    api = await startTestApi({ databaseUrl: `postgres://u:secret@${CLOSED_PORT}/alerts` });
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    const { status, body } = await readyz();
    expect(status).toBe(503);
    expect(body).toMatchObject({
      detail: 'Failed checks: database.',
      checks: { database: expect.any(String), queue: 'ok' },
    });
    const rejected = await api.post(newAlert());
    expect(rejected.status).toBe(503);
    expect(rejected.headers.get('retry-after')).toBe('5');
    expect(rejected.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const output = JSON.stringify([body, await json(rejected), api.logged]);
    expect(output).not.toContain('secret');
  });
});

describe('on a database whose migrations are missing', () => {
  it('names them', async () => {
    api = await startTestApi();
    await api.db.$executeRawUnsafe('DROP TABLE _prisma_migrations');
    expect(await readyz()).toMatchObject({
      status: 503,
      body: {
        detail: 'Failed checks: migrations.',
        checks: { database: 'ok', migrations: expect.stringContaining('migrat') },
      },
    });
  });
});

describe('without its queue', () => {
  it('accepts alerts as deferred, and reports that it is degraded', async () => {
    api = await startTestApi({ queueUrl: `redis://${CLOSED_PORT}` });
    const alert = newAlert();
    const response = await api.post(alert);
    expect([response.status, (await json(response)).dispatch]).toEqual([202, 'deferred']);
    expect(await api.db.alert.count({ where: { uuid: alert.uuid, status: 'pending' } })).toBe(1);
    expect(await readyz()).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { database: 'ok', queue: expect.stringContaining('queue') } },
    });
  });
});

describe('an internal error', () => {
  it('is a 500 without details, which the log has', async () => {
    api = await startTestApi();
    await api.db.$executeRawUnsafe('ALTER TABLE alerts RENAME TO elsewhere');
    const alert = newAlert({ store: 'very-private' });
    const response = await api.post(alert);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toMatch(/relation|prisma|elsewhere|query/i);
    const line = api.logged.find(({ msg }) => msg === 'request failed');
    expect(line).toMatchObject({ requestId: response.headers.get('x-request-id') });
    expect(JSON.stringify(line)).not.toContain('very-private');
  });
});

describe('a client that disconnects during its request', () => {
  it('does not affect the api', async () => {
    api = await startTestApi();
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    const half =
      'POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
    await new Promise<void>((resolve) => socket.write(half, () => resolve()));
    // Sent before this question, so begun before its response.
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    socket.destroy();
    await expect.poll(() => api.logged.some(({ msg }) => msg === 'client disconnected'), POLL).toBeTruthy();
    expect((await api.post(newAlert())).status).toBe(202);
  });
});
