import { createServer } from 'node:net';

export type Canary = AsyncDisposable & {
  port: number;
  /** Connections so far; must not grow. */
  readonly connections: number;
  /** The addresses of this machine that they were made to, in order. */
  readonly addresses: readonly string[];
};

/** Listens on every address of the machine, and so on all loopback names and literals, and counts connections. */
export async function openCanary(port = 0): Promise<Canary> {
  const addresses: string[] = [];
  const server = createServer((socket) => {
    addresses.push((socket.localAddress ?? '').replace(/^::ffff:(?=\d+\.)/, ''));
    socket.destroy();
  });
  const listen = (host: string) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  await listen('::').catch(() => listen('0.0.0.0'));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    addresses,
    get connections() {
      return addresses.length;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
