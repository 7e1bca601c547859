import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { filledUuid } from './fill.ts';
import type { BenchStack } from './stack.ts';

export const LISTENERS = 1_000;
export const CHANGES_PER_S = 100;
/** Rows change in steps of this duration. */
const STEP_MS = 100;
/** The api accepts up to 512 connections of one address. */
const ADDRESSES = 4;
const REQUEST = 'GET /alerts/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';

export type EventStreams = {
  /** Changes alerts for this long and returns the number of changes. Throws if a stream was closed. */
  change(ms: number, signal: AbortSignal): Promise<number>;
  close(): void;
};

/** Opens the streams. Received events are discarded, because parsing them takes the processor time of the api. */
export async function openEventStreams({ apiPorts, database }: BenchStack): Promise<EventStreams> {
  let closed = 0;
  const open = (index: number) =>
    new Promise<ReturnType<typeof connect>>((resolve, reject) => {
      const socket = connect({
        port: apiPorts[0] ?? 0,
        host: '127.0.0.1',
        localAddress: `127.0.0.${1 + (index % ADDRESSES)}`,
      });
      socket.once('error', reject).once('data', () => resolve(socket));
      socket.on('close', () => {
        closed += 1;
      });
      socket.write(REQUEST);
    });
  const sockets: Awaited<ReturnType<typeof open>>[] = [];
  while (sockets.length < LISTENERS)
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, (_, index) => open(index)))));
  for (const socket of sockets) socket.on('data', () => {});
  let next = 0;
  return {
    async change(ms, signal) {
      const startedAt = performance.now();
      let changes = 0;
      for (; performance.now() - startedAt < ms; await sleep(STEP_MS, undefined, { signal })) {
        // As many as are due, also if a step took longer.
        const due = Math.floor(((performance.now() - startedAt) / 1000) * CHANGES_PER_S) - changes;
        const uuids = Array.from({ length: due }, () => filledUuid(next++));
        await database.$executeRaw`
          UPDATE alerts SET change_xid = pg_current_xact_id() WHERE uuid = ANY (${uuids}::uuid[])`;
        changes += due;
      }
      if (closed > 0) throw new Error(`the api closed ${closed} event streams`);
      return changes;
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
