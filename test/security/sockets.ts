import { connect, type Socket } from 'node:net';
import { waitFor } from '#test/harness/wait.ts';

/** Raw connections of one attack. */
export type Sockets = {
  all: Socket[];
  /** Connections that are open. */
  open(): number;
  close(): void;
};

/** Opens `count` connections that each send `request`. Returns when all of them are connected or closed. */
export async function openSockets(origin: string, count: number, request: string): Promise<Sockets> {
  const { hostname, port } = new URL(origin);
  const open = new Set<Socket>();
  let settled = 0;
  const openOne = () => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.resume().on('error', () => {}); // closed by the server: that is what is measured
    socket.once('connect', () => {
      settled += 1;
      open.add(socket);
      socket.write(request);
    });
    socket.once('close', (failed) => {
      if (!open.delete(socket) && failed) settled += 1;
    });
    return socket;
  };
  const all: Socket[] = [];
  // In steps below the usual length of a listen queue.
  while (all.length < count) {
    for (let n = 0; n < 200 && all.length < count; n += 1) all.push(openOne());
    await waitFor(() => settled >= all.length, { timeoutMs: 15_000, what: 'connections' }).catch(() => {});
  }
  return {
    all,
    open: () => open.size,
    close: () => {
      for (const socket of all) socket.destroy();
    },
  };
}

/** Returns everything that the server sends on a connection until it closes it, at most for `timeoutMs`. */
export function exchange(origin: string, request: string, timeoutMs = 10_000): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.setEncoding('latin1').on('data', (data) => {
      text += data;
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.write(request);
  });
}
