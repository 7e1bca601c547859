import { once } from 'node:events';
import { createServer } from 'node:net';
import getPort, { portNumbers } from 'get-port';

// Below the system's ephemeral ports (32768 and up on Linux), from which outgoing connections and port 0 take theirs. A
// range belongs to one process at a time, which listens on the range's first port for as long as it runs. So another test
// process cannot take a port between the check and the bind, nor while the service on it is being restarted.
const FIRST = 16_000;
const RANGE = 100;
const RANGES = 160;

export type PortRange = {
  /** Returns a port of 127.0.0.1 that nothing listens on. The owner of the range does not get it again. Undefined: none is left. */
  freePort(): Promise<number | undefined>;
};

/** Reserves a range of ports until this process ends. `seed` chooses the range that is tried first. */
export async function reserveRange(seed: number): Promise<PortRange> {
  for (let index = 0; index < RANGES; index += 1) {
    const first = FIRST + ((seed + index) % RANGES) * RANGE;
    if (!(await listenOn(first))) continue;
    return {
      async freePort() {
        // A generator: get-port closes it once it has found a port.
        const port = portNumbers(first + 1, first + RANGE - 1);
        const free = await getPort({ port, host: '127.0.0.1', reserve: true });
        // When all are in use, get-port returns one of the system's ephemeral ports.
        return free > first && free < first + RANGE ? free : undefined;
      },
    };
  }
  throw new Error(`all ranges of ports from ${FIRST} are in use`);
}

/** Listens until this process ends. Returns whether it could. */
async function listenOn(port: number): Promise<boolean> {
  const server = createServer((socket) => socket.destroy()).unref();
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false; // it belongs to another process
  }
}

let range: Promise<PortRange> | undefined;

/** Returns a port of 127.0.0.1 that nothing listens on. This process does not get it again. */
export async function freePort(): Promise<number> {
  range ??= reserveRange(process.pid);
  const port = await (await range).freePort();
  if (port !== undefined) return port;
  range = undefined; // reserves the next range
  return freePort();
}

/** Returns `count` different free ports. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}
