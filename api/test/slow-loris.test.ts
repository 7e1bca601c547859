import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAlertServer } from '../server.ts';
import { POLL, startTestApi, type TestApi } from './test-api.ts';

// Clients that occupy sockets. The server's timeouts are shortened; a test that ends shows that the server closed the socket.

let api: TestApi;
let server: Server;
const TIMEOUTS = {
  headersTimeout: 400,
  requestTimeout: 800,
  keepAliveTimeout: 300,
  timeout: 500,
  connectionsCheckingInterval: 50,
};
beforeAll(async () => {
  api = await startTestApi();
  server = createAlertServer(api.app, { timeouts: TIMEOUTS }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await api.close();
});

type SlowClient = { socket: Socket; text: () => string; closed: Promise<unknown> };

/** Opens a connection that sends `first`, then one byte of `rest` every 50 ms, again and again. */
function connectSlowly(first: string, rest = '', to = server): SlowClient {
  const { port } = to.address() as AddressInfo; // listening on TCP
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let next = 0;
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {}); // closed by the server during a write
  socket.write(first);
  const timer = setInterval(() => {
    if (rest && socket.writable) socket.write(rest[next % rest.length] ?? '');
    next += 1;
  }, 50);
  // Not `once`, which rejects on an error: a reset connection is closed, too.
  const closed = new Promise((resolve) => socket.once('close', resolve)).finally(() => clearInterval(timer));
  return { socket, text: () => text, closed };
}

const HEAD = 'POST /alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';

function expectProblem(text: string, status: number, type: string): void {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head.toLowerCase()).toContain('content-type: application/problem+json');
  expect(head.toLowerCase()).not.toContain('x-powered-by');
  expect(JSON.parse(body)).toMatchObject({ type, status, title: expect.any(String), detail: expect.any(String) });
}

describe('a slow or invalid connection', () => {
  it('is closed with 408 if its headers arrive slowly', async () => {
    const client = connectSlowly('POST /alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', 'a');
    await client.closed;
    expectProblem(client.text(), 408, '/problems/too-slow');
  });

  it('is closed with 408 if its body arrives slowly', async () => {
    const client = connectSlowly(`${HEAD}Content-Length: 1000\r\n\r\n{`, ' ');
    await client.closed;
    expectProblem(client.text(), 408, '/problems/too-slow');
  });

  it('is closed if its chunked body never ends', async () => {
    const client = connectSlowly(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n');
    await client.closed;
  });

  it('is closed if it sends nothing', async () => {
    await connectSlowly('').closed;
  });

  it('is closed if it is idle between two requests', async () => {
    const client = connectSlowly('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('gets 400 without Host; an unknown Expect is ignored', async () => {
    const withoutHost = connectSlowly('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n');
    await withoutHost.closed;
    expectProblem(withoutHost.text(), 400, '/problems/bad-request');
    const withExpect = connectSlowly('GET /livez HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n');
    await withExpect.closed;
    expect(withExpect.text()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('gets 431 for large headers and 400 for invalid ones', async () => {
    const large = connectSlowly(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: ${'a'.repeat(20_000)}\r\n\r\n`);
    await large.closed;
    expectProblem(large.text(), 431, '/problems/headers-too-large');
    const invalid = connectSlowly('\x16\x03\x01\x02\r\n\r\n');
    await invalid.closed;
    expectProblem(invalid.text(), 400, '/problems/bad-request');
  });

  it('is closed if the client reads no response', async () => {
    const closed = once(server, 'connection').then(([served]) => once(served, 'close'));
    const { port } = server.address() as AddressInfo; // listening on TCP
    const socket = connect(port, '127.0.0.1').pause();
    const request = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n';
    const timer = setInterval(() => socket.writable && socket.write(request), 10); // until the buffers of both sockets are full
    socket.on('error', () => {}); // closed by the server during a write
    await closed;
    clearInterval(timer);
    socket.destroy();
  });

  it('gets the responses to pipelined requests in order, and is closed after the hundredth', async () => {
    const target = (n: number) => (n % 2 === 0 ? `/alerts?limit=0&n=${n}` : `/nothing/${n}`);
    const pipelined = (count: number) =>
      Array.from({ length: count }, (_, n) => `GET ${target(n)} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join('');
    const few = connectSlowly(pipelined(20));
    await expect.poll(() => few.text().match(/HTTP\/1\.1 4\d\d /g)?.length, POLL).toBe(20);
    const statuses = [...few.text().matchAll(/HTTP\/1\.1 (4\d\d) /g)].map(([, status]) => status);
    expect(statuses).toEqual(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? '422' : '404')));
    const instances = [...few.text().matchAll(/"instance":"\/nothing\/(\d+)"/g)].map(([, n]) => Number(n));
    expect(instances).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    const many = connectSlowly(pipelined(1_000));
    await many.closed;
    expect(many.text().match(/HTTP\/1\.1 4\d\d /g)).toHaveLength(100);
    expect(many.text().match(/connection: close/gi)).toHaveLength(1);
  });

  it('is closed at once if requests keep arriving behind a response that does not end', async () => {
    const own = createAlertServer(() => {}).listen(0, '127.0.0.1');
    await once(own, 'listening');
    const request = 'GET /alerts/events HTTP/1.1\r\nHost: localhost\r\n\r\n';
    await connectSlowly(request.repeat(5_000), '', own).closed;
    own.close();
  });

  it('is closed if its address has 512 others; another address is served', async () => {
    const own = createAlertServer(api.app).listen(0, '127.0.0.1');
    await once(own, 'listening');
    const { port } = own.address() as AddressInfo; // listening on TCP
    const request = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n';
    const slow = Array.from({ length: 600 }, () => connectSlowly(request, 'a', own));
    let closed = 0;
    for (const client of slow) client.closed.then(() => closed++);
    await expect.poll(() => closed, POLL).toBe(88);
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.end(`${request}Connection: close\r\n\r\n`);
    expect(await text(other)).toMatch(/^HTTP\/1\.1 200 /);
    for (const { socket } of slow) socket.destroy();
    own.closeAllConnections();
    own.close();
  });

  it('is one of many of a reverse proxy, which limits its clients itself', async () => {
    const own = createAlertServer(api.app, { behindProxy: true }).listen(0, '127.0.0.1');
    await once(own, 'listening');
    const clients = Array.from({ length: 600 }, () => connectSlowly('', '', own));
    const connections = () => new Promise<number>((resolve) => own.getConnections((_, count) => resolve(count)));
    await expect.poll(connections, POLL).toBe(600);
    for (const { socket } of clients) socket.destroy();
    own.closeAllConnections();
    own.close();
  });

  it('does not delay others, even with a hundred slow ones', async () => {
    const patient = createAlertServer(api.app).listen(0, '127.0.0.1');
    await once(patient, 'listening');
    const slow = Array.from({ length: 100 }, () => connectSlowly('GET /livez HTTP/1.1\r\nX-Slow: ', 'a', patient));
    const { port } = patient.address() as AddressInfo; // listening on TCP
    const connections = () => new Promise<number>((resolve) => patient.getConnections((_, count) => resolve(count)));
    await expect.poll(connections, POLL).toBe(100);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    for (const { socket } of slow) socket.destroy();
    patient.closeAllConnections();
    patient.close();
  });

  it('is closed, even among a hundred slow ones', async () => {
    const slow = Array.from({ length: 100 }, () => connectSlowly('GET /livez HTTP/1.1\r\nX-Slow: ', 'a'));
    await Promise.all(slow.map(({ closed }) => closed));
    const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
    await expect.poll(connections, POLL).toBe(0);
  });
});

describe('the server', () => {
  it('has short timeouts and a limit of connections', () => {
    const own = createAlertServer(() => {});
    expect(own).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      timeout: 65_000,
      maxConnections: 4_000,
    });
  });
});
