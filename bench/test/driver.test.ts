import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { drive } from '../ask-process.ts';
import type { Plan } from '../driver.ts';

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
const SIGNAL = AbortSignal.timeout(20_000);
const plan = (port: number, more: Pick<Plan, 'count' | 'pace'>): Plan => {
  return {
    port,
    videos: ['/videos/a.mp4', '/videos/b.mp4'],
    stores: ['north', 'south', 'west'],
    headers: ['x-key: k'],
    ...more,
  };
};

it('sends each alert once, on each video in turn, with so many on the way and no more', async () => {
  const bodies: { uuid: string; video: string; store: string; timestamp: number }[] = [];
  let [underWay, most] = [0, 0];
  const port = await serve(async (req, res) => {
    most = Math.max(most, ++underWay);
    bodies.push(JSON.parse(await text(req)));
    await sleep(5);
    underWay -= 1;
    res.writeHead(req.headers['x-key'] === 'k' && req.url === '/alerts' ? 202 : 500, LENGTH).end('{}');
  });
  const driven = await drive(plan(port, { count: 50, pace: { kind: 'closed', inFlight: 4 } }), SIGNAL);
  expect(driven.statuses).toEqual({ 202: 50 });
  expect(most).toBe(4);
  expect(bodies.map(({ uuid }) => uuid).sort()).toEqual([...driven.uuids].sort());
  expect(bodies.find(({ uuid }) => uuid === driven.uuids[7])).toMatchObject({ video: '/videos/b.mp4', store: 'south' });
  expect(Math.min(...driven.answerMs)).toBeGreaterThanOrEqual(4);
  expect(driven.cpuMs).toBeGreaterThan(0);
});

it('keeps its pace while the server stands still, and counts the wait from when each was due', async () => {
  const port = await serve((_req, res) => void res.end('{}'));
  // Frozen as a whole: an event loop that is busy takes no connection and no request.
  setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600), 300);
  const driven = await drive(plan(port, { count: 200, pace: { kind: 'open', perSecond: 200 } }), SIGNAL);
  const [first = 0] = driven.sentAt;
  for (const [index, at] of driven.sentAt.entries()) expect(at - first).toBeCloseTo(index * 5, 0);
  expect(driven.answerMs.filter((ms) => ms > 200).length).toBeGreaterThan(20);
});

it('asks for a lone alert until it is final', async () => {
  let gets = 0;
  const port = await serve((req, res) => {
    if (req.method === 'POST') return void res.writeHead(202, { 'content-length': 20 }).end('{"status":"pending"}');
    gets += 1;
    res.end(`{"status":"${gets % 3 === 0 ? 'processed' : 'processing'}"}`);
  });
  const driven = await drive(plan(port, { count: 4, pace: { kind: 'lone' } }), SIGNAL);
  expect(gets).toBe(12);
  expect(driven.finalMs).toHaveLength(4);
});

it('counts a refusal by its status, and goes on after a connection that broke', async () => {
  let posts = 0;
  const port = await serve((_req, res) => {
    posts += 1;
    if (posts === 2) res.destroy();
    else res.writeHead(posts === 4 ? 503 : 202, LENGTH).end('{}');
  });
  const driven = await drive(plan(port, { count: 6, pace: { kind: 'closed', inFlight: 1 } }), SIGNAL);
  expect(driven.statuses).toEqual({ 202: 4, 503: 1, error: 1 });
});
