import { type Attack, otherClientMs } from '../attack.ts';
import { openSockets } from '../sockets.ts';

const BODIES = 450;
const BYTES = 590_000;

export const attack: Attack = {
  item: 4,
  name: `${BODIES} unfinished bodies of ${BYTES / 1_000} kB without a key`,
  limit: 'nginx: 16 KiB, batches 512 KiB and 16 at a time per address, /tmp of 64 MB',
  async run(target) {
    const { api } = target;
    const paths = ['/alerts', '/alerts/batch'];
    const seen: number[] = [];
    for (const path of paths) {
      // Just below the limit of a batch, so that it is not rejected by its length.
      const length = path === '/alerts' ? BYTES : 520_000;
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
      const sockets = await openSockets(api, BODIES, head + ' '.repeat(length - 1));
      seen.push(await otherClientMs(target));
      sockets.close();
    }
    const ms = Math.max(...seen, await otherClientMs(target));
    return { defended: ms <= 1_000, observed: `another address waits ${ms} ms` };
  },
};
