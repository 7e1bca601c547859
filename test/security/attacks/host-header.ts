import type { Attack } from '../attack.ts';
import { exchange } from '../sockets.ts';

const HOSTS = ['attacker.example', 'localhost.attacker.example', '127.0.0.1.attacker.example', 'rebound'];

export const attack: Attack = {
  item: 12,
  name: 'DNS rebinding of the video server',
  limit: 'localhost, IP addresses and ALLOWED_HOSTS',
  async run({ videos }) {
    const get = async (host: string) => {
      const head = `GET /videos/test_1.avi HTTP/1.1\r\nHost: ${host}\r\nRange: bytes=0-3\r\nConnection: close\r\n\r\n`;
      return (await exchange(videos, head)).slice(9, 12);
    };
    const statuses = await Promise.all(HOSTS.map(get));
    const defended = statuses.every((status) => status === '421') && (await get('localhost')) === '206';
    return { defended, observed: `foreign names get ${[...new Set(statuses)].join(', ')}` };
  },
};
