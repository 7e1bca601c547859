import { expect, it } from 'vitest';
import { parseServed } from '../nginx-video-server.ts';

it('counts requests, body bytes and connections in the log of nginx', () => {
  expect(parseServed('3 65536\n3 1000\n5 0\n')).toEqual({ requests: 3, bytes: 66536, connections: 2 });
  expect(parseServed('')).toEqual({ requests: 0, bytes: 0, connections: 0 });
});
