import type { Attack } from '../attack.ts';
import { exchange } from '../sockets.ts';

const request = (n: number, last: boolean) =>
  `GET /nothing/${n} HTTP/1.1\r\nHost: localhost\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;

const instances = (text: string) => [...text.matchAll(/"instance":"\/nothing\/(\d+)"/g)].map(([, n]) => Number(n));

export const attack: Attack = {
  item: 15,
  name: '20 and 5,000 pipelined requests',
  limit: 'api: 100 per connection, in order; nginx: one at a time',
  async run({ api }) {
    const send = (count: number) =>
      exchange(api, Array.from({ length: count }, (_, n) => request(n, n === count - 1)).join(''), 60_000);
    const few = instances(await send(20));
    const many = instances(await send(5_000));
    const inOrder = [few, many].every((list) => list.every((n, index) => n === index));
    const observed = `${few.length} of 20 and ${many.length} of 5,000 answered${inOrder ? ', in order' : ', out of order'}`;
    return { defended: few.length === 20 && inOrder, observed };
  },
};
