import { describe, expect, it } from 'vitest';
import { checkInvariants } from '../checker.ts';
import type { DeliveryChange, DeliveryRecord, Observation, ReceivedRequest } from '../history.ts';
import { change, correctRun, UUID } from './checker-fixture.ts';

// As for the checker: each case changes one detail of a correct run, and one invariant must notice it.

const ID = '01890000-0000-4000-8000-000000000001';
const LATE_ID = '01890000-0000-4000-8000-000000000002';
const ONE_EACH = 'every matching alert has one delivery per destination and event';
const NOTHING_ELSE = 'no delivery is recorded for anything else';
const DELIVERED = 'every delivery is delivered';
const RECEIVED = 'every delivered delivery was received';
const SIGNED = 'every request has a valid signature';
const STABLE = 'the id of a delivery and its body, except the picture, never change';
const DISABLED = 'nothing is sent to a disabled destination';
const ONCE = 'no delivery is sent twice without a fault before its record';
const LATE = 'every alert that stays unfinished is late';

function delivery(what: Partial<DeliveryRecord> = {}): DeliveryRecord {
  return { id: ID, destination: 'all-events', uuid: UUID, event: 'alert.processed', status: 'delivered', ...what };
}

function request(what: Partial<ReceivedRequest> = {}): ReceivedRequest {
  const { id, destination, uuid, event } = delivery();
  const response = { status: 200, respondedAt: 1_055 };
  return { id, destination, uuid, event, body: 'digest', isSigned: true, at: 1_050, ...response, ...what };
}

function deliveryChange(at: number, what: Partial<DeliveryChange> = {}): DeliveryChange {
  return { id: ID, at, by: 'worker-1.1', status: 'pending', isClaim: false, ...what };
}

/** The alert's result was delivered to one of three destinations; the others want something else. */
function runWithDestinations(): Observation {
  return {
    ...correctRun(),
    destinations: [
      { name: 'all-events', stores: [], events: [] },
      { name: 'failures', stores: [], events: ['alert.failed'] },
      { name: 'some-stores', stores: ['chaos-9'], events: [] },
    ],
    deliveries: [delivery()],
    deliveryChanges: [
      deliveryChange(1_030),
      deliveryChange(1_045, { isClaim: true }),
      deliveryChange(1_060, { status: 'delivered' }),
    ],
    received: [request()],
  };
}

function violatedBy(change: (run: Observation) => void): string[] {
  const run = runWithDestinations();
  change(run);
  return checkInvariants(run, { onlyRestarts: false })
    .filter(({ violations }) => violations.length > 0)
    .map(({ invariant }) => invariant);
}

const again = (at: number) => (run: Observation) => void run.received.push(request({ at, respondedAt: at + 5 }));

describe('the checks of deliveries', () => {
  it('find no violation in a correct run', () => {
    expect(violatedBy(() => {})).toEqual([]);
  });

  it.each<[string, (run: Observation) => void, string[]]>([
    ['a missing delivery', (r) => Object.assign(r, { deliveries: [], received: [] }), [ONE_EACH]],
    ['two deliveries of one event', (r) => r.deliveries.push(delivery()), [ONE_EACH]],
    [
      'a delivery to a destination with another event',
      (r) => r.deliveries.push(delivery({ id: LATE_ID, destination: 'failures', status: 'pending' })),
      [NOTHING_ELSE, DELIVERED],
    ],
    [
      'a delivery to a destination with another store',
      (r) => {
        const other = { id: LATE_ID, destination: 'some-stores' };
        r.deliveries.push(delivery(other));
        r.received.push(request(other));
      },
      [NOTHING_ELSE],
    ],
    ['a pending delivery', (r) => (r.deliveries = [delivery({ status: 'pending' })]), [DELIVERED]],
    ['a failed delivery', (r) => (r.deliveries = [delivery({ status: 'failed' })]), [DELIVERED]],
    ['a delivery that was never received', (r) => (r.received = []), [RECEIVED]],
    ['a delivery that was refused', (r) => (r.received = [request({ status: 500 })]), [RECEIVED]],
    ['a response without a status', (r) => (r.received = [request({ respondedAt: undefined })]), [RECEIVED]],
    ['an alert in another delivery', (r) => (r.received = [request({ event: 'alert.failed' })]), [RECEIVED, STABLE]],
    [
      'an invalid signature',
      (r) => r.received.push(request({ isSigned: false, event: '', status: 401, id: 'unknown' })),
      [SIGNED],
    ],
    [
      'another id for the same event',
      (r) => r.received.unshift(request({ id: LATE_ID, at: 1_048, status: 500 })),
      [STABLE],
    ],
    [
      'another body for the same id',
      (r) => r.received.unshift(request({ body: 'other', at: 1_048, status: 500 })),
      [STABLE],
    ],
    ['a second request after the response', again(30_000), [ONCE]],
    ['a late alert without a delivery', (r) => (r.late = [UUID]), [ONE_EACH]],
    [
      'a late event of an alert that was not late',
      (r) => {
        r.deliveries.push(delivery({ id: LATE_ID, event: 'alert.late' }));
        r.received.push(request({ id: LATE_ID, event: 'alert.late' }));
      },
      [NOTHING_ELSE],
    ],
    [
      'an alert that was unfinished for two minutes and not late',
      (r) => r.changes.unshift(change(1_030 - 120_000, { status: 'pending', by: 'api-1.1', attempts: 0 })),
      [LATE],
    ],
  ])('report %s', (_name, change, violated) => {
    expect(violatedBy(change)).toEqual(violated);
  });

  it('allow a request to a disabled destination only if its attempt began before', () => {
    const disabled = (from: number) => (run: Observation) => {
      run.disabled.push({ destination: 'all-events', from, to: 20_000 });
    };
    expect(violatedBy(disabled(1_047))).toEqual([]);
    expect(violatedBy(disabled(1_060))).toEqual([]);
    expect(violatedBy(disabled(10))).toEqual([DISABLED]);
  });

  it('allow a second request if the worker was killed before the record, and not after it', () => {
    const kill =
      (from: number, process = 'worker-1.1') =>
      (run: Observation) => {
        again(15_000)(run);
        run.faults.push({ kind: 'kill worker', process, from, to: from });
        if (from >= 1_060) return;
        run.deliveryChanges = [
          ...run.deliveryChanges.slice(0, 2),
          deliveryChange(14_990, { isClaim: true, by: 'worker-2.1' }),
          deliveryChange(15_010, { status: 'delivered', by: 'worker-2.1' }),
        ];
      };
    expect(violatedBy(kill(1_058))).toEqual([]);
    expect(violatedBy(kill(1_058, 'worker-3.1'))).toEqual([ONCE]);
    expect(violatedBy(kill(9_000))).toEqual([ONCE]);
  });

  it('allow a second request by a worker that was frozen, and one whose record met an unavailable database', () => {
    const frozen = (kind: 'pause worker' | 'block notifier') => (run: Observation) => {
      run.deliveryChanges.splice(1, 0, deliveryChange(1_040, { isClaim: true, by: 'worker-2.1' }));
      run.faults.push({ kind, process: 'worker-2.1', from: 1_042, to: 12_000 });
      again(12_010)(run);
    };
    const unrecorded = (run: Observation) => {
      run.faults.push({ kind: 'freeze database', process: undefined, from: 1_058, to: 9_000 });
      again(9_500)(run);
    };
    expect(violatedBy(frozen('pause worker'))).toEqual([]);
    expect(violatedBy(frozen('block notifier'))).toEqual([]);
    expect(violatedBy(unrecorded)).toEqual([]);
  });

  it('allow a second request if the first connection was cut, and not if the receiver was only disabled', () => {
    const fault = (kind: 'stop receiver' | 'disable destination', process: string) => (run: Observation) => {
      run.faults.push({ kind, process, from: 1_056, to: 9_000 });
      again(9_500)(run);
    };
    expect(violatedBy(fault('stop receiver', 'all-events'))).toEqual([]);
    expect(violatedBy(fault('stop receiver', 'failures'))).toEqual([ONCE]);
    expect(violatedBy(fault('disable destination', 'all-events'))).toEqual([ONCE]);
  });

  it('expect an event from each destination whose filter matches', () => {
    const failed = (run: Observation) => {
      run.destinations = run.destinations.map((each) => ({ ...each, stores: ['chaos-0'] }));
      run.rows = run.rows.map((row) => ({
        ...row,
        status: 'failed',
        resolution: null,
        failureCode: 'video_unreadable',
      }));
      run.deliveries = ['all-events', 'failures', 'some-stores'].map((destination, n) =>
        delivery({ id: `${ID}${n}`, destination, event: 'alert.failed' }),
      );
      run.received = run.deliveries.map(({ status: _, ...each }) => request(each));
    };
    const ofDeliveries = [ONE_EACH, NOTHING_ELSE, DELIVERED, RECEIVED, STABLE, ONCE];
    expect(violatedBy(failed).filter((invariant) => ofDeliveries.includes(invariant))).toEqual([]);
    const incomplete = (run: Observation) => {
      failed(run);
      run.deliveries.pop();
    };
    expect(violatedBy(incomplete).filter((invariant) => ofDeliveries.includes(invariant))).toEqual([ONE_EACH, STABLE]);
  });
});
