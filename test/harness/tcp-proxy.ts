import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface TcpProxy {
  port: number;
  /** Cuts every connection; new ones are refused until `accept`. */
  refuse(): Promise<void>;
  /** Cuts every connection, and each new one as soon as it is made, until `accept`. */
  drop(): void;
  accept(): Promise<void>;
  /** Keeps every connection and takes new ones, but not a byte passes: the peer has vanished without a word. */
  freeze(): void;
  /** Connections made from now on pass; the frozen ones never do again. */
  thaw(): void;
  close(): Promise<void>;
}

/** A proxy on 127.0.0.1 to a port there, for what servers do when they, or the way to them, go away. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>();
  let frozen = false;
  let dropping = false;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    if (dropping) return void client.destroy();
    const target = dial({ port: targetPort, host: '127.0.0.1' });
    const pair: [Socket, Socket] = [client, target];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    if (!frozen) join(pair);
  });
  const port = await listen(server, 0);
  const cutAll = () => {
    for (const [client, target] of pairs) {
      client.destroy();
      target.destroy();
    }
  };
  const refuse = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cutAll();
    await closed;
  };
  return {
    port,
    refuse,
    close: refuse,
    drop() {
      dropping = true;
      cutAll();
    },
    accept: async () => {
      dropping = false;
      if (!server.listening) await listen(server, port);
    },
    freeze() {
      frozen = true;
      for (const pair of pairs) part(pair);
    },
    thaw() {
      frozen = false;
    },
  };
}

function join([client, target]: [Socket, Socket]): void {
  client.pipe(target);
  target.pipe(client);
  client.resume();
}

function part([client, target]: [Socket, Socket]): void {
  client.unpipe(target).pause();
  target.unpipe(client).pause();
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}
