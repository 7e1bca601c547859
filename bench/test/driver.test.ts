import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { DriverPlan } from '../driver.ts';
import { runDriver } from '../subprocess.ts';

let server: Server;
afterEach(async () => {
  server.closeAllConnections();
  await once(server.close(), 'close');
});

async function serve(listener: RequestListener): Promise<number> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

const LENGTH = { 'content-length': 2 };

function plan(port: number, load: Pick<DriverPlan, 'count' | 'pace'>): DriverPlan {
  return {
    ports: [port],
    videos: ['/videos/a.mp4', '/videos/b.mp4'],
    stores: ['north', 'south', 'west'],
    headers: ['x-key: k'],
    ...load,
  };
}

it('sends each alert once, on the videos in turn, with exactly the given number in flight', async ({ signal }) => {
  const bodies: { uuid: string; video: string; store: string; timestamp: number }[] = [];
  let [inFlight, maxInFlight] = [0, 0];
  const four = Promise.withResolvers<void>();
  const port = await serve(async (req, res) => {
    inFlight += 1;
    maxInFlight = Math.max(maxInFlight, inFlight);
    if (inFlight === 4) four.resolve();
    bodies.push(JSON.parse(await text(req)));
    await four.promise;
    await sleep(5);
    inFlight -= 1;
    res.writeHead(req.headers['x-key'] === 'k' && req.url === '/alerts' ? 202 : 500, LENGTH).end('{}');
  });
  const result = await runDriver(plan(port, { count: 50, pace: { kind: 'closed', inFlight: 4 } }), signal);
  expect(result.statuses).toEqual({ 202: 50 });
  expect(maxInFlight).toBe(4);
  expect(bodies.map(({ uuid }) => uuid).sort()).toEqual([...result.uuids].sort());
  expect(bodies.find(({ uuid }) => uuid === result.uuids[7])).toMatchObject({ video: '/videos/b.mp4', store: 'south' });
  expect(Math.min(...result.responseMs)).toBeGreaterThanOrEqual(4);
  expect(result.cpuMs).toBeGreaterThan(0);
});

it('keeps its pace while the server is blocked, and measures each response from its due time', async ({ signal }) => {
  let received = 0;
  const port = await serve((_req, res) => {
    received += 1;
    // A blocked event loop accepts no connection and reads no request. 120 requests become due during the pause.
    if (received === 50) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
    res.end('{}');
  });
  const result = await runDriver(plan(port, { count: 200, pace: { kind: 'open', perSecond: 200 } }), signal);
  const [first = 0] = result.sentAt;
  for (const [index, at] of result.sentAt.entries()) expect(at - first).toBeCloseTo(index * 5, 0);
  expect(result.responseMs.filter((ms) => ms > 200).length).toBeGreaterThan(20);
});

it('sends planned alerts at their times, over connections to each api in turn', async ({ signal }) => {
  const received: number[] = [];
  const port = await serve((_req, res) => void res.writeHead(202, LENGTH).end('{}'));
  const other = createServer((req, res) => {
    received.push(req.socket.localPort ?? 0);
    res.writeHead(202, LENGTH).end('{}');
  }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  try {
    const address = other.address();
    const ports = [port, typeof address === 'object' && address ? address.port : 0];
    const dueMs = [0, 0, 30, 200];
    const result = await runDriver({ ...plan(port, { count: 4, pace: { kind: 'planned', dueMs } }), ports }, signal);
    const [first = 0] = result.sentAt;
    expect(result.sentAt.map((at) => Math.round(at - first))).toEqual(dueMs);
    expect(result.statuses).toEqual({ 202: 4 });
    // The first two are due at the same time, so that they need two connections.
    expect(received.length).toBeGreaterThan(0);
    expect(result.sentBytes).toBeGreaterThan(4 * 150);
  } finally {
    other.closeAllConnections();
    other.close();
  }
});

it('polls an alert until it is final before it sends the next one', async ({ signal }) => {
  let gets = 0;
  const port = await serve((req, res) => {
    if (req.method === 'POST') return void res.writeHead(202, { 'content-length': 20 }).end('{"status":"pending"}');
    gets += 1;
    res.end(`{"status":"${gets % 3 === 0 ? 'processed' : 'processing'}"}`);
  });
  const result = await runDriver(plan(port, { count: 4, pace: { kind: 'sequential' } }), signal);
  expect(gets).toBe(12);
  expect(result.finalMs).toHaveLength(4);
});

it('counts refusals by status, and continues after a connection is cut', async ({ signal }) => {
  let posts = 0;
  const port = await serve((_req, res) => {
    posts += 1;
    if (posts === 2) res.destroy();
    else res.writeHead(posts === 4 ? 503 : 202, LENGTH).end('{}');
  });
  const result = await runDriver(plan(port, { count: 6, pace: { kind: 'closed', inFlight: 1 } }), signal);
  expect(result.statuses).toEqual({ 202: 4, 503: 1, error: 1 });
});

it('opens a new connection once the server has closed an idle one', async ({ signal }) => {
  const port = await serve((req, res) => {
    res.once('finish', () => req.socket.end());
    res.writeHead(202, LENGTH).end('{}');
  });
  const dueMs = [0, 1_000, 2_000];
  const result = await runDriver(plan(port, { count: 3, pace: { kind: 'planned', dueMs } }), signal);
  expect(result.statuses).toEqual({ 202: 3 });
});
