import { createServer } from 'node:net';

export type Canary = AsyncDisposable & {
  port: number;
  /** How often somebody connected; must not grow. */
  readonly touched: number;
};

/** Listens on every address of the machine, by which it has all loopback names and literals too. */
export async function openCanary(): Promise<Canary> {
  let touched = 0;
  const server = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  const listen = (host: string) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  await listen('::').catch(() => listen('0.0.0.0'));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get touched() {
      return touched;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
