import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';

// Clients that occupy connections, memory and disk. Other clients connect from 127.0.0.2.

const isRoot = process.getuid?.() === 0;
const started = await startPublicEndpoint(isRoot ? { bodySpace: '1m' } : {});

describe.skipIf('missing' in started)('nginx under attack', () => {
  let nginx: PublicEndpoint;
  const open: Socket[] = [];
  beforeAll(() => {
    if (!('missing' in started)) nginx = started;
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
  });
  afterAll(() => nginx.close());

  const send = (request: string, port = nginx.ports.api, localAddress = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    socket.write(request);
    open.push(socket);
    return socket;
  };
  const unfinished = (path: string, length: number, sent = 1) =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(sent)}`;
  const otherClient = async (port = nginx.ports.api, path = '/livez') => {
    const startedAt = performance.now();
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    const response = await text(send(request, port, '127.0.0.2'));
    return { status: response.slice(9, 12), ms: performance.now() - startedAt };
  };
  /** The statuses of the responses that have arrived. A connection without a response counts as pending. */
  const collect = (sockets: Socket[]) => {
    const statuses = new Map<Socket, string>();
    for (const socket of sockets) {
      socket.once('data', (data: Buffer) => statuses.set(socket, data.toString('latin1', 9, 12)));
    }
    return (status: string) => [...statuses.values()].filter((each) => each === status).length;
  };

  it('lets one address have 512 requests in progress', async () => {
    const count = collect(Array.from({ length: 600 }, () => send(unfinished('/alerts', 100))));
    await expect.poll(() => count('429'), { timeout: 150_000 }).toBe(88);
    expect(await otherClient()).toMatchObject({ status: '200' });
  });

  it('responds to what is too much with a problem and Retry-After', async () => {
    for (let n = 0; n < 16; n += 1) send(unfinished('/alerts/batch', 100_000));
    let response = '';
    await expect
      .poll(
        async () => {
          const socket = send(unfinished('/alerts/batch', 100_000));
          const [data] = await Promise.race([once(socket, 'data'), sleep(300).then(() => [''])]);
          response = String(data);
          return response;
        },
        { timeout: 30_000 },
      )
      .toContain('429');
    expect(response).toMatch(/Retry-After: 1\r\n/);
    expect(response).toContain('"type":"/problems/too-many-requests"');
    expect(await otherClient()).toMatchObject({ status: '200' });
  });

  it.each([
    ['a header that never ends', 'POST /alerts HTTP/1.1\r\nX-Slow: ', 'a'],
    ['a body without progress', 'BODY', ''],
  ])('closes the connection of %s', async (_name, first, rest) => {
    const socket = send(first === 'BODY' ? unfinished('/alerts', 1_000) : first);
    const timer = setInterval(() => rest && socket.writable && socket.write(rest), 500);
    await new Promise((resolve) => socket.resume().once('close', resolve));
    clearInterval(timer);
    expect(nginx.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it.each([
    ['/alerts', 16 * 1024 + 1, '16 KiB'],
    ['/queues/api/queues/alerts/add', 16 * 1024 + 1, '16 KiB'],
    ['/alerts/batch', 512 * 1024 + 1, '512 KiB'],
  ])('rejects a body for %s over its limit before it is sent', async (path, length, limit) => {
    const socket = send(unfinished(path, length, 0));
    const [response] = await once(socket, 'data');
    expect(String(response)).toMatch(/^HTTP\/1\.1 413 /);
    expect(String(response)).toContain(`The body is larger than ${limit}.`);
  });

  it('keeps a body of 16 KiB in memory, and forwards it', async () => {
    const url = `http://127.0.0.1:${nginx.ports.api}/alerts`;
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(16 * 1024) })).status).toBe(200);
  });

  it.skipIf(!isRoot)('responds with 503 to a batch that does not fit, serves others, and recovers', async () => {
    const batch = () =>
      fetch(`http://127.0.0.1:${nginx.ports.api}/alerts/batch`, { method: 'POST', body: 'x'.repeat(400_000) });
    const bodies = Array.from({ length: 3 }, () => send(unfinished('/alerts/batch', 500_000, 450_000)));
    let rejected: Response | undefined;
    await expect
      .poll(
        async () => {
          rejected = await batch();
          return rejected.status;
        },
        { timeout: 30_000 },
      )
      .toBe(503);
    expect(rejected?.headers.get('retry-after')).toBe('5');
    expect(await rejected?.json()).toMatchObject({ type: '/problems/unavailable', status: 503 });
    const post = await fetch(`http://127.0.0.1:${nginx.ports.api}/alerts`, { method: 'POST', body: 'x'.repeat(9_000) });
    expect(post.status).toBe(200);
    expect(await otherClient()).toMatchObject({ status: '200' });
    for (const socket of bodies) socket.destroy();
    await expect.poll(async () => (await batch()).status, { timeout: 150_000 }).toBe(200);
  });
});
