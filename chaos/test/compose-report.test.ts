import { expect, it } from 'vitest';
import { type Accepted, type Outcome, renderReport, type Step, type Tally } from '../compose-report.ts';

const STEP: Step = { name: 'restart api', run: async () => {} };
const ALERT: Accepted = { uuid: 'u-1', store: 's-1', resolution: '1280x720', step: STEP, duringOutage: false };
const NOTIFICATION = { store: 's-1', result: '1280x720', at: 0, by: 'worker' };

function report({
  tally = {},
  alert = {},
  outcome = {},
  notifications = [NOTIFICATION],
}: {
  tally?: Partial<Tally>;
  alert?: Partial<Accepted>;
  outcome?: Partial<Outcome>;
  notifications?: (typeof NOTIFICATION)[];
}) {
  const tallies = new Map([[STEP, { sent: 1, accepted: 1, refused: new Map(), slowestMs: 3, ...tally }]]);
  const run = { tallies, accepted: [{ ...ALERT, ...alert }], history: { notifications } };
  return renderReport(run, { processed: 1, failed: 0, lost: [], wrong: [], unnotified: [], ...outcome });
}

it('passes if every alert was accepted, notified once and correct', () => {
  const { text, passed } = report({});
  expect(passed).toBe(true);
  expect(text).toContain('passed: all invariants held');
});

it('excuses a 503 and a second notification during the database outage', () => {
  const refused = new Map([['503 during the database outage', { count: 4, excused: true }]]);
  const notifications = [NOTIFICATION, NOTIFICATION];
  const { text, passed } = report({ tally: { refused }, alert: { duringOutage: true }, notifications });
  expect(passed).toBe(true);
  expect(text).toContain('503 during the database outage ×4');
  expect(text).toContain('"duplicate_notifications":1');
});

it.each([
  ['a refusal', { tally: { refused: new Map([['502', { count: 1, excused: false }]]) } }, 'restart api: 502'],
  ['an alert that was never accepted', { tally: { sent: 2 } }, 'restart api: 1 never accepted'],
  ['a lost alert', { outcome: { lost: [ALERT] } }, 'lost: u-1, sent during restart api'],
  ['a wrong result', { outcome: { wrong: [ALERT] } }, 'wrong: u-1'],
  ['a missing notification', { outcome: { unnotified: [ALERT] } }, 'unnotified: u-1'],
  ['a second notification', { notifications: [NOTIFICATION, NOTIFICATION] }, 'notified twice: u-1'],
])('fails for %s', (_name, change, violation) => {
  const { text, passed } = report(change);
  expect(passed).toBe(false);
  expect(text).toContain(violation);
});
