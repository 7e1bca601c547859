import { type Attack, otherClientMs } from '../attack.ts';
import { openSockets } from '../sockets.ts';

// The review blocked nginx with 8,043 of them. This many files may be open on any machine.
const SOCKETS = 8_100;

export const attack: Attack = {
  item: 3,
  name: 'sockets with unfinished headers',
  limit: 'api: 512 per address; nginx: a header within 5 s, 32,768 connections per process',
  async run(target) {
    const { api } = target;
    const sockets = await openSockets(api, SOCKETS, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    const opened = sockets.open();
    const ms = await otherClientMs(target);
    sockets.close();
    return { defended: ms <= 1_000, observed: `${opened} of ${SOCKETS} open; another address waits ${ms} ms` };
  },
};
