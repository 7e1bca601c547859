import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';

const POLL = { timeout: 150_000, interval: 20 };

let proxy: TcpProxy;
let serverSockets: Socket[];

/** A proxy in front of a server that echoes. */
beforeEach(async () => {
  serverSockets = [];
  const server = createServer((socket) => {
    serverSockets.push(socket);
    socket.on('error', () => {}).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  proxy = await startTcpProxy(typeof address === 'object' ? address?.port : undefined);
  return async () => {
    await proxy.close();
    for (const socket of serverSockets) socket.destroy();
    server.close();
  };
});

async function open() {
  const socket = connect(proxy.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let received = '';
  let closed = false;
  socket.on('error', () => {}).on('data', (data) => (received += data));
  socket.on('close', () => {
    closed = true;
  });
  await once(socket, 'connect');
  return { socket, received: () => received, closed: () => closed };
}

async function expectEcho({ socket, received }: Awaited<ReturnType<typeof open>>, text: string): Promise<void> {
  socket.write(text);
  await expect.poll(received, POLL).toContain(text);
}

it('forwards in both directions', async () => {
  await expectEcho(await open(), 'hello');
});

it('refuses and drops connections until it accepts again', async () => {
  const before = await open();
  await expectEcho(before, 'a');
  await proxy.refuse();
  await expect.poll(before.closed, POLL).toBe(true);
  await expect(open()).rejects.toThrow('ECONNREFUSED');
  await proxy.accept();
  proxy.drop();
  const dropped = await open();
  await expect.poll(dropped.closed, POLL).toBe(true);
  await proxy.accept();
  await expectEcho(await open(), 'b');
});

it('resumes frozen connections', async () => {
  const frozen = await open();
  await expectEcho(frozen, 'a');
  proxy.freeze();
  frozen.socket.write('later');
  const during = await open();
  during.socket.write('new');
  proxy.thaw('resume');
  await expect.poll(() => [frozen.received(), during.received()], POLL).toEqual(['alater', 'new']);
});

it('abandons frozen connections: silent for the client, closed for the server', async () => {
  const frozen = await open();
  await expectEcho(frozen, 'a');
  proxy.freeze();
  frozen.socket.write('lost');
  proxy.thaw();
  await expect.poll(() => serverSockets[0]?.destroyed, POLL).toBe(true);
  await expectEcho(await open(), 'b');
  expect([frozen.received(), frozen.closed()]).toEqual(['a', false]);
});
