import { expect, it } from 'vitest';
import type { Observation } from '../history.ts';
import { change, event, row, violatedBy } from './checker-fixture.ts';

const EVENTS = 'every stream receives every final event exactly once';

it.each<[string, (run: Observation) => void, string[]]>([
  [
    'a result that was marked as notified twice',
    (r) => {
      const last = r.changes.at(-1);
      if (last) r.changes.push({ ...last, at: 2_000, notifiedAt: 2_000 });
    },
    ['no attempt is marked as notified twice'],
  ],
  ['an event that a stream missed', (r) => r.events.pop(), [EVENTS]],
  ['an event that a stream received twice', (r) => r.events.push(event({ id: '911.1' })), [EVENTS]],
  ['events in the wrong order', (r) => r.events.push(event({ id: '905.1', event: 'alert.pending' })), [EVENTS]],
  [
    'a notification long after the last fault',
    (r) => (r.changes = r.changes.map((c) => (c.notifiedAt === null ? c : { ...c, at: 77_000 }))),
    ['every alert is notified in time after the last fault'],
  ],
])('reports %s', (_name, change, violated) => {
  expect(violatedBy(change)).toEqual(violated);
});

it('allows an event to be missing only if it happened before a reset', () => {
  const reset = (at: number) => (run: Observation) => {
    run.events = [
      event({ id: '900.1', event: 'alert.pending' }),
      event({ at, id: '3.0', event: 'reset', uuid: undefined }),
    ];
  };
  expect(violatedBy(reset(1_031))).toEqual([]);
  expect(violatedBy(reset(1_029))).toEqual([EVENTS]);
});

it('allows worker_crashed after five crashes, and not after claims whose worker was alive', () => {
  const crash = (kills: number) => (run: Observation) => {
    const failed = { status: 'failed', resolution: null, failureCode: 'worker_crashed' };
    const claims = Array.from({ length: 6 }, (_, i) =>
      change(2_000 + i * 1_000, { status: 'processing', by: `worker-1.${i + 1}`, attempts: i + 1 }),
    );
    const end = change(9_000, { ...failed, by: 'worker-1.7', attempts: 6, processedAt: 9_000 });
    run.faults = claims
      .slice(0, kills)
      .map(({ by, at }) => ({ kind: 'kill worker', process: by, from: at + 10, to: at + 11 }));
    run.changes = [...run.changes.slice(0, 1), ...claims, end, { ...end, at: 9_010, notifiedAt: 9_010 }];
    run.rows = [row({ ...failed, attempts: 6, notifiedAt: 9_010 })];
    run.notifications = [{ store: 'chaos-0', result: 'worker_crashed', at: 9_005, by: 'worker-1.7' }];
    run.events = [event({ event: 'alert.failed' })];
  };
  expect(violatedBy(crash(5))).toEqual([]);
  expect(violatedBy(crash(4))).toEqual([
    'no result is wrong',
    'no alert ends as worker_crashed unless its workers crashed',
  ]);
});
