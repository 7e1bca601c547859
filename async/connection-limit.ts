import type { Server } from 'node:net';

/**
 * Closes each connection above `max` of one address as soon as it is accepted. `networkOf` returns what an address is
 * counted as.
 */
export function limitConnections(
  server: Server,
  max: number,
  networkOf: (address: string | undefined) => string = (address) => address ?? '',
): void {
  const counts = new Map<string, number>();
  server.on('connection', (socket) => {
    const network = networkOf(socket.remoteAddress);
    const count = (counts.get(network) ?? 0) + 1;
    counts.set(network, count);
    socket.once('close', () => {
      const left = (counts.get(network) ?? 1) - 1;
      if (left > 0) counts.set(network, left);
      else counts.delete(network);
    });
    if (count > max) socket.destroy();
  });
}
