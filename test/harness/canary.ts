import { createServer } from 'node:net';

export type Canary = AsyncDisposable & {
  port: number;
  /** Connections so far; must not grow. */
  readonly connections: number;
};

/** Listens on every address of the machine, and so on all loopback names and literals, and counts connections. */
export async function openCanary(): Promise<Canary> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  const listen = (host: string) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  await listen('::').catch(() => listen('0.0.0.0'));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
