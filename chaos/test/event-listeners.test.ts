import { expect, it } from 'vitest';
import { createEventParser } from '../event-listeners.ts';

it('parses events in pieces, and continues after the last complete block', () => {
  const events: unknown[] = [];
  const parser = createEventParser('0.0', (event) => events.push(event));
  const text =
    'retry: 3000\nid: 7.0\n\nid: 8.1\nevent: alert.processed\ndata: {"uuid":"x"}\n\nid: 9.1\nevent: alert.fai';
  for (const character of text) parser.push(character);
  expect(events).toEqual([{ id: '8.1', event: 'alert.processed', data: '{"uuid":"x"}' }]);
  expect(parser.lastId()).toBe('8.1');
  parser.reset();
  parser.push('id: 9.1\nevent: alert.failed\ndata: {}\n\nid: 10.0\n: ping\n\n');
  expect(events[1]).toEqual({ id: '9.1', event: 'alert.failed', data: '{}' });
  expect(parser.lastId()).toBe('10.0');
});
