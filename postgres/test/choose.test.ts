import { expect, it } from 'vitest';
import { choosePrimary, type ServerState } from '../choose.ts';

const primary = (timeline: number, system = 's'): ServerState => ({ writable: true, system, timeline });
const standby: ServerState = { writable: false, system: 's', timeline: 0 };

it.each<[string, (ServerState | undefined)[], number | undefined, ServerState | undefined, number | undefined]>([
  ['the one that accepts writes', [standby, primary(1)], undefined, undefined, 1],
  ['the first of two that are the same server', [primary(1), primary(1)], undefined, undefined, 0],
  ['the current one of two that are the same server', [primary(1), primary(1)], 1, primary(1), 1],
  ['none of standbys and servers that do not respond', [standby, undefined], 0, primary(1), undefined],
  ['the promoted one next to a former primary that was not stopped', [primary(1), primary(2)], 0, primary(1), 1],
  ['no former primary while the promoted one is down', [primary(1), undefined], 1, primary(2), undefined],
  ['a former primary that was promoted again', [primary(3), undefined], 1, primary(2), 0],
  ['another database, whatever its timeline is', [primary(1, 'other'), undefined], 0, primary(5), 0],
  ['servers that do not say their timeline', [standby, primary(0, '')], 0, primary(0, ''), 1],
])('chooses %s', (_name, states, current, newest, chosen) => {
  expect(choosePrimary(states, current, newest)).toBe(chosen);
});
