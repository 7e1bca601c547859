import { once } from 'node:events';
import { createServer, connect as openConnection, type Server, type Socket } from 'node:net';
import { freePort } from './ports.ts';

/** A TCP proxy on 127.0.0.1, for what clients see when a server, or the network in front of it, fails. */
export type TcpProxy = {
  /** Stays the same whatever the target is. */
  port: number;
  /** Connects new connections to this port of 127.0.0.1. */
  connectTo(port: number): void;
  /** Cuts every connection and refuses new ones until `accept`. */
  refuse(): Promise<void>;
  /** Cuts every connection, and each new one as soon as it is open, until `accept`. */
  drop(): void;
  accept(): Promise<void>;
  /** Keeps every connection and accepts new ones, but forwards nothing until `thaw`: the peer is silent. */
  freeze(): void;
  /**
   * Forwards new connections again. Existing ones are abandoned: they stay open and silent on the client's side and are
   * closed on the server's side, as when a router between them has lost its table. 'resume': they continue.
   */
  thaw(existing?: 'abandon' | 'resume'): void;
  close(): Promise<void>;
};

type Pair = { client: Socket; server: Socket };

/** Starts a proxy to a port of 127.0.0.1. Without a target it closes each connection at once, until `connectTo`. */
export async function startTcpProxy(initialTarget?: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const abandoned = new Set<Socket>();
  let target = initialTarget;
  let frozen = false;
  let dropping = false;
  const listener = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    if (target === undefined || dropping) {
      client.destroy();
      return;
    }
    const pair = { client, server: openConnection({ port: target, host: '127.0.0.1', noDelay: true }) };
    track(pair, pairs);
    if (!frozen) forward(pair);
  });
  // Not an ephemeral port: `refuse` releases it for a while.
  const port = await freePort();
  await listen(listener, port);
  const cutAll = () => {
    for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy();
    for (const client of abandoned) client.destroy();
  };
  const refuse = async () => {
    if (!listener.listening) return;
    const closed = once(listener, 'close');
    listener.close();
    cutAll();
    await closed;
  };
  return {
    port,
    connectTo(newTarget) {
      target = newTarget;
    },
    refuse,
    close: refuse,
    drop() {
      dropping = true;
      cutAll();
    },
    async accept() {
      dropping = false;
      if (!listener.listening) await listen(listener, port);
    },
    freeze() {
      frozen = true;
      for (const pair of pairs) hold(pair);
    },
    thaw(existing = 'abandon') {
      frozen = false;
      for (const pair of pairs) existing === 'resume' ? forward(pair) : abandon(pair, pairs, abandoned);
    },
  };
}

async function listen(listener: Server, port: number): Promise<void> {
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');
}

/** Keeps the pair until one of its sockets closes, and then closes the other one. */
function track(pair: Pair, pairs: Set<Pair>): void {
  pairs.add(pair);
  const end = () => {
    if (!pairs.delete(pair)) return;
    pair.client.destroy();
    pair.server.destroy();
  };
  for (const socket of [pair.client, pair.server]) socket.on('error', end).on('close', end);
}

function forward({ client, server }: Pair): void {
  client.pipe(server);
  server.pipe(client);
}

function hold({ client, server }: Pair): void {
  client.unpipe(server).pause();
  server.unpipe(client).pause();
}

/** What the client still sends is read and discarded: otherwise its closing would never be noticed. */
function abandon(pair: Pair, pairs: Set<Pair>, abandoned: Set<Socket>): void {
  pairs.delete(pair);
  abandoned.add(pair.client);
  pair.server.destroy();
  pair.client.unpipe(pair.server);
  pair.client.on('close', () => abandoned.delete(pair.client)).resume();
}
