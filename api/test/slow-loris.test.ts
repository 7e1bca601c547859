import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAlertServer } from '../server.ts';
import { startTestApi, type TestApi } from './test-api.ts';

// Callers that hold sockets instead of asking. The times are shortened, what they do is not.

let api: TestApi;
let server: Server;
const TIMES = {
  headersTimeout: 400,
  requestTimeout: 800,
  keepAliveTimeout: 300,
  timeout: 500,
  connectionsCheckingInterval: 50,
};
beforeAll(async () => {
  api = await startTestApi();
  server = createAlertServer(api.app, TIMES).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await api.close();
});

type Held = { socket: Socket; text: () => string; closed: Promise<number> };

/** A connection that sends `first`, then one byte of `drip` every 50 ms. */
function hold(first: string, drip = ''): Held {
  const started = performance.now();
  const { port } = server.address() as AddressInfo; // listening on TCP
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let next = 0;
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {}); // a cut in the middle of a write
  socket.write(first);
  const timer = setInterval(() => {
    if (drip && socket.writable) socket.write(drip[next % drip.length] ?? '');
    next += 1;
  }, 50);
  const closed = new Promise<number>((resolve) =>
    socket.once('close', () => {
      clearInterval(timer);
      resolve(performance.now() - started);
    }),
  );
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

describe('a connection', () => {
  it('whose headers drip is cut off with 408', async () => {
    const held = hold('POST /alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', 'a');
    expect(await held.closed).toBeLessThan(6_000);
    expectProblem(held.text(), 408, '/problems/too-slow');
  });

  it('whose body drips is cut off with 408', async () => {
    const held = hold(`${HEAD}Content-Length: 1000\r\n\r\n{`, ' ');
    expect(await held.closed).toBeLessThan(6_000);
    expectProblem(held.text(), 408, '/problems/too-slow');
  });

  it('whose chunked body never ends is cut off', async () => {
    const held = hold(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n');
    expect(await held.closed).toBeLessThan(6_000);
  });

  it('that says nothing at all is closed', async () => {
    expect(await hold('').closed).toBeLessThan(6_000);
  });

  it('that stays idle between two requests is closed', async () => {
    const held = hold('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const lasted = await held.closed;
    expect(held.text()).toMatch(/^HTTP\/1\.1 200 /);
    expect(lasted).toBeLessThan(6_000);
  });

  it('whose request names no host gets 400; what it expects beside an answer is not asked for', async () => {
    const nameless = hold('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n');
    await nameless.closed;
    expectProblem(nameless.text(), 400, '/problems/bad-request');
    const demanding = hold('GET /livez HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n');
    await demanding.closed;
    expect(demanding.text()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('with too many headers, or none that can be read, is answered with a problem', async () => {
    const large = hold(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: ${'a'.repeat(20_000)}\r\n\r\n`);
    await large.closed;
    expectProblem(large.text(), 431, '/problems/headers-too-large');
    const noise = hold('\x16\x03\x01\x02\r\n\r\n');
    await noise.closed;
    expectProblem(noise.text(), 400, '/problems/bad-request');
  });

  it('that asks and takes no answer is cut off', async () => {
    const closed = once(server, 'connection').then(([served]) => once(served, 'close'));
    const { port } = server.address() as AddressInfo; // listening on TCP
    const socket = connect(port, '127.0.0.1').pause();
    const asked = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n';
    const timer = setInterval(() => socket.writable && socket.write(asked), 10); // until the sockets of both ends are full
    socket.on('error', () => {}); // cut in the middle of a write
    await closed;
    clearInterval(timer);
    socket.destroy();
  });

  it('that asks for far more than it is answered is cut off', async () => {
    const few = hold('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10));
    await few.closed;
    expect(few.text().match(/HTTP\/1\.1 200 /g)).toHaveLength(10);
    const many = hold('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    await many.closed;
    expect(many.text().match(/HTTP\/1\.1 200 /g) ?? []).not.toHaveLength(1_000);
  });

  it('among a hundred such ones does not keep others waiting', async () => {
    const held = Array.from({ length: 100 }, () => hold('GET /livez HTTP/1.1\r\nX-Slow: ', 'a'));
    const { port } = server.address() as AddressInfo; // listening on TCP
    const started = performance.now();
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(3_000);
    await Promise.all(held.map(({ closed }) => closed));
    expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBeLessThanOrEqual(1);
  });
});

describe('the server', () => {
  it('keeps its times short and its connections counted', () => {
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
