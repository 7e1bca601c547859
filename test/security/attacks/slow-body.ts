import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { openSockets } from '../sockets.ts';

const TIMEOUT_MS = 60_000;

export const attack: Attack = {
  item: 3,
  name: 'body of one byte per 8 s',
  limit: 'api: 30 s for the request; nginx: 5 s between two reads',
  async run({ api, key }) {
    const head = `POST /alerts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
    const startedAt = performance.now();
    const sockets = await openSockets(api, 1, `${head}Content-Length: 1000\r\n\r\n{`);
    let lastByte = performance.now();
    while (sockets.open() > 0 && performance.now() - startedAt < TIMEOUT_MS) {
      await sleep(100);
      if (performance.now() - lastByte < 8_000) continue;
      for (const socket of sockets.all) socket.write(' ');
      lastByte = performance.now();
    }
    const open = sockets.open();
    sockets.close();
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    return { defended: open === 0, observed: open === 0 ? `closed after ${seconds} s` : `open after ${seconds} s` };
  },
};
