import getPort, { portNumbers } from 'get-port';

// Below the system's ephemeral ports (32768 and up on Linux), from which outgoing connections and port 0 take theirs, and
// a range of its own for each process: two test processes never get the same port between the check and the bind.
const FIRST = 16_000;
const RANGE = 100;
const RANGES = 160;

/** Returns a port of 127.0.0.1 that nothing listens on. This process does not get it again. */
export function freePort(): Promise<number> {
  const from = FIRST + (process.pid % RANGES) * RANGE;
  return getPort({ port: portNumbers(from, from + RANGE - 1), host: '127.0.0.1', reserve: true });
}

/** Returns `count` different free ports. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}
