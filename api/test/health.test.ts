import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import express from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { healthRoutes } from '../operations/health.ts';
import { eventually, json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
afterEach(() => api.close());

// Port 9 (discard) of loopback: nothing listens there.
const NOBODY = '127.0.0.1:9';

async function readyz() {
  const answer = await fetch(`${api.url}/readyz`);
  return { status: answer.status, body: await json(answer) };
}

describe('with every part there', () => {
  it('is alive and ready', async () => {
    api = await startTestApi();
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    expect(await readyz()).toEqual({
      status: 200,
      body: { status: 'ready', checks: { database: 'ok', migrations: 'ok', queue: 'ok' } },
    });
  });

  it('is alive but not ready while it stops', async () => {
    api = await startTestApi();
    api.stop();
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    expect(await readyz()).toMatchObject({ status: 503, body: { detail: 'The process is stopping.' } });
  });
});

describe('asked by many at once', () => {
  it('looks once for all, and anew for who comes later', async () => {
    api = await startTestApi();
    let looks = 0;
    const seen = Promise.withResolvers<void>();
    const app = express().use(
      healthRoutes({
        async required() {
          looks += 1;
          await seen.promise;
          return { database: undefined };
        },
        deferrable: async () => ({}),
        stopping: () => false,
      }),
    );
    const asked = new EventEmitter();
    let requests = 0;
    const server = createServer((req, res) => {
      app(req, res);
      requests += 1;
      if (requests === 20) asked.emit('all');
    }).listen(0);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`; // listening on TCP
    const all = once(asked, 'all');
    const answers = Array.from({ length: 20 }, () => fetch(url));
    await all;
    seen.resolve();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(looks).toBe(1);
    await fetch(url);
    expect(looks).toBe(2);
    server.close();
  });
});

describe('without its database', () => {
  it('is alive, names the database, and answers 503 that nothing was stored', async () => {
    api = await startTestApi({ databaseUrl: `postgres://u:secret@${NOBODY}/alerts` });
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    const { status, body } = await readyz();
    expect(status).toBe(503);
    expect(body).toMatchObject({
      detail: 'Failed checks: database.',
      checks: { database: expect.any(String), queue: 'ok' },
    });
    const refused = await api.post(newAlert());
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const told = JSON.stringify([body, await json(refused), api.logged]);
    expect(told).not.toContain('secret');
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
  it('accepts alerts all the same, deferred, and says that it is degraded', async () => {
    api = await startTestApi({ queueUrl: `redis://${NOBODY}` });
    const alert = newAlert();
    const answer = await api.post(alert);
    expect([answer.status, (await json(answer)).dispatch]).toEqual([202, 'deferred']);
    expect(await api.db.alert.count({ where: { uuid: alert.uuid, status: 'pending' } })).toBe(1);
    expect(await readyz()).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { database: 'ok', queue: 'the queue does not answer' } },
    });
  });
});

describe('an error of ours', () => {
  it('is a 500 that says nothing of the inside, and a log line that does', async () => {
    api = await startTestApi();
    await api.db.$executeRawUnsafe('ALTER TABLE alerts RENAME TO elsewhere');
    const alert = newAlert({ store: 'very-private' });
    const answer = await api.post(alert);
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).not.toMatch(/relation|prisma|elsewhere|query/i);
    const line = api.logged.find(({ msg }) => msg === 'request failed');
    expect(line).toMatchObject({ requestId: answer.headers.get('x-request-id') });
    expect(JSON.stringify(line)).not.toContain('very-private');
  });
});

describe('a caller that goes away in mid-request', () => {
  it('leaves the api well', async () => {
    api = await startTestApi();
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    const half = 'POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
    await new Promise<void>((resolve) => socket.write(half, () => resolve()));
    // Sent before this question, so begun before its answer.
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    socket.destroy();
    await eventually(async () => api.logged.some(({ msg }) => msg === 'client disconnected') || undefined);
    expect((await api.post(newAlert())).status).toBe(202);
  });
});
