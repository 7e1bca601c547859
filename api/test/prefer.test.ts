import { expect, it } from 'vitest';
import { preferredWait } from '../http/prefer.ts';

it.each([
  ['wait=1', 1],
  ['wait=25', 25],
  ['wait=26', 25],
  ['wait=999999999', 25],
  ['WAIT = 3', 3],
  ['wait="7"', 7],
  ['respond-async, wait=4', 4],
  ['wait=4; x=1, wait=9', 4],
])('%s requests %d s', (prefer, seconds) => {
  expect(preferredWait(prefer)).toBe(seconds);
});

it.each([
  undefined,
  '',
  'wait',
  'wait=',
  'wait=0',
  'wait=-1',
  'wait=1.5',
  'wait=abc',
  'wait=1e1',
  'waiting=3',
  'return=minimal',
  ',=,;',
])('%j requests no wait', (prefer) => {
  expect(preferredWait(prefer)).toBeUndefined();
});
