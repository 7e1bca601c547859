import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export type TcpProxy = {
  /** Of 127.0.0.1. Stays the same wherever the proxy leads. */
  port: number;
  /** From now on leads new connections to this port of 127.0.0.1. */
  lead(port: number): void;
  /** Not a byte passes, on old connections and new ones, until `thaw`: the peer has gone without a word. */
  freeze(): void;
  /**
   * Lets new connections pass. Those of before go on where they were, or, `forgotten`, stay open and silent on the
   * client's side for ever while the server's side is closed, as when a router between them has lost its table.
   */
  thaw(forgotten: boolean): void;
  close(): Promise<void>;
};

type Pair = { client: Socket; server: Socket };

/** Opens a proxy on a free port of 127.0.0.1 that leads nowhere yet: connections are closed at once. */
export async function openProxy(): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const silent = new Set<Socket>();
  let target: number | undefined;
  let frozen = false;
  const listener = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    if (target === undefined) {
      client.destroy();
      return;
    }
    const pair = { client, server: dial({ port: target, host: '127.0.0.1', noDelay: true }) };
    watch(pair, pairs);
    if (!frozen) join(pair);
  });
  return {
    port: await listen(listener),
    lead(port) {
      target = port;
    },
    freeze() {
      frozen = true;
      for (const pair of pairs) part(pair);
    },
    thaw(forgotten) {
      frozen = false;
      for (const pair of pairs) forgotten ? forget(pair, pairs, silent) : join(pair);
    },
    async close() {
      const closed = once(listener, 'close');
      listener.close();
      for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy();
      for (const client of silent) client.destroy();
      await closed;
    },
  };
}

async function listen(listener: Server): Promise<number> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

/** Keeps the pair among the others until one of its ends is closed, and then closes the other. */
function watch(pair: Pair, pairs: Set<Pair>): void {
  pairs.add(pair);
  const end = () => {
    if (!pairs.delete(pair)) return;
    pair.client.destroy();
    pair.server.destroy();
  };
  for (const socket of [pair.client, pair.server]) socket.on('error', end).on('close', end);
}

function join({ client, server }: Pair): void {
  client.pipe(server);
  server.pipe(client);
}

function part({ client, server }: Pair): void {
  client.unpipe(server).pause();
  server.unpipe(client).pause();
}

/** What the client still sends is read and dropped: unread, its closing would never be seen either. */
function forget(pair: Pair, pairs: Set<Pair>, silent: Set<Socket>): void {
  pairs.delete(pair);
  silent.add(pair.client);
  pair.server.destroy();
  pair.client.on('close', () => silent.delete(pair.client)).resume();
}
