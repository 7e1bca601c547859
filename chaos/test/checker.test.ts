import { describe, expect, it } from 'vitest';
import { newHistory, type Observation, recordNotification } from '../history.ts';
import { limitsFor } from '../limits.ts';
import { change, FAULTS, RESTARTS, row, TOO_SLOW, UUID, violatedBy } from './checker-fixture.ts';

const missingVideo = (run: Observation, code = 'video_server_unreachable') => {
  const failed = { status: 'failed', resolution: null, failureCode: code };
  run.sent = run.sent.map((sent) => ({ ...sent, expected: { failure: 'video_not_found' } }));
  run.notifications = run.notifications.map((notification) => ({ ...notification, result: code }));
  run.rows = [row(failed)];
  run.changes = run.changes.map((c) => (c.status === 'processed' ? { ...c, ...failed } : c));
};
const notifyAgain = (run: Observation, at = 15_000, by = 'worker-2.1') => {
  run.notifications.push({ store: 'chaos-0', result: '1280x720', at, by });
};
const claimAgain = (run: Observation, at: number) => {
  run.changes.splice(2, 0, change(at, { by: 'worker-2.1', status: 'processing', attempts: 2 }));
};

describe('checkInvariants', () => {
  it.each([FAULTS, RESTARTS])('finds no violation in a correct run (%j)', (options) => {
    expect(violatedBy(() => {}, options)).toEqual([]);
  });

  it.each<[string, (run: Observation) => void, string[]]>([
    ['no row', (r) => Object.assign(r, { rows: [], changes: [] }), ['no accepted alert is lost']],
    [
      'a pending row',
      (r) => (r.rows = [row({ status: 'pending', resolution: null, notifiedAt: null })]),
      ['no accepted alert is lost', 'no alert is stuck'],
    ],
    [
      'a processed alert without a picture',
      (r) => (r.unpictured = [{ uuid: UUID, picture: null }]),
      ['every processed alert ends with a picture or a reason'],
    ],
    ['a row that is not marked as notified', (r) => (r.rows = [row({ notifiedAt: null })]), ['no alert is stuck']],
    ['another resolution', (r) => (r.rows = [row({ resolution: '720x1280' })]), ['no result is wrong']],
    [
      'a valid video that failed',
      (r) => (r.rows = [row({ resolution: null, failureCode: 'worker_crashed' })]),
      ['no result is wrong', 'no alert ends as worker_crashed unless its workers crashed'],
    ],
    [
      'another resolution in the notification',
      (r) => r.notifications.splice(0, 1, { store: 'chaos-0', result: '1x1', at: 1_035, by: 'w' }),
      ['no result is wrong'],
    ],
    ['a missing video reported as unreachable', (r) => missingVideo(r), ['no result is wrong']],
    ['two rows', (r) => r.rows.push(row()), ['no record is written twice']],
    [
      'a record written twice',
      (r) => r.changes.push(change(2_000, { status: 'processed', resolution: '1280x720', processedAt: 2_000 })),
      ['no record is written twice'],
    ],
    [
      'a record that became pending again',
      (r) => r.changes.push(change(2_000, { status: 'pending' })),
      ['no record is written twice'],
    ],
    ['no notification', (r) => (r.notifications = []), ['every final alert is notified']],
    [
      'a second notification without a fault',
      (r) => notifyAgain(r),
      ['no duplicate notification without a fault before its mark'],
    ],
    [
      'a 500',
      (r) => r.responses.push({ uuid: UUID, from: 1_000, to: 1_001, status: 500, retryAfter: false }),
      ['no 5xx except 503 while the database is unavailable or Redis is full'],
    ],
    [
      'a 503 while the database is available',
      (r) => r.responses.push({ uuid: UUID, from: 1_000, to: 1_001, status: 503, retryAfter: true }),
      ['no 5xx except 503 while the database is unavailable or Redis is full'],
    ],
    [
      'a conflict',
      (r) => r.responses.push({ uuid: UUID, from: 1_000, to: 1_001, status: 409, retryAfter: false }),
      ['no valid request is rejected'],
    ],
    ['no 202', (r) => (r.responses = []), ['every alert is eventually accepted']],
    [
      'a request that timed out',
      (r) => r.failedRequests.push({ uuid: UUID, from: 0, to: 20_000, kind: 'timeout' }),
      ['no request times out while the database responds'],
    ],
    [
      'a request that the api gave up',
      (r) => r.responses.push(TOO_SLOW),
      ['no request times out while the database responds'],
    ],
    ['an unfinished job', (r) => r.leftoverJobs.push({ uuid: UUID, state: 'active' }), ['no job is left in the queue']],
    [
      'a process that exited by itself',
      (r) => r.exits.push({ process: 'api-1.1', at: 1, sent: undefined, how: 'exit code 1', lastLines: '' }),
      ['no process exits by itself'],
    ],
    ['a run that reached its time limit', (r) => (r.timedOut = true), ['the run ends within its time limit']],
  ])('reports %s', (_name, change, violated) => {
    expect(violatedBy(change)).toEqual(violated);
  });

  it('reports an alert of a killed worker that waited over 20 s, plus the time the queue was unavailable', () => {
    const late = (run: Observation) => {
      run.faults.push({ kind: 'kill worker', process: 'worker-1.1', from: 1_024, to: 1_025 });
      claimAgain(run, 22_000);
    };
    expect(violatedBy(late)).toContain('the alert of a killed worker is claimed again in time');
    const withPausedRedis = (ms: number) => (run: Observation) => {
      late(run);
      run.faults.push({ kind: 'pause redis', process: 'redis.1', from: 5_000, to: 5_000 + ms });
    };
    expect(violatedBy(withPausedRedis(2_000))).not.toContain('the alert of a killed worker is claimed again in time');
    const muchLater = (run: Observation) => {
      withPausedRedis(2_000)(run);
      run.changes = run.changes.map((c) => (c.by === 'worker-2.1' ? { ...c, at: 40_000 } : c));
    };
    expect(violatedBy(muchLater)).toContain('the alert of a killed worker is claimed again in time');
    const onSlowMachine = (run: Observation) => {
      muchLater(run);
      run.limits = limitsFor(2);
    };
    expect(violatedBy(onSlowMachine)).not.toContain('the alert of a killed worker is claimed again in time');
  });

  it('allows a 503 on a slow machine after the time limit for a connection, and not before', () => {
    const refused = (slowdown: number, ms: number) => (run: Observation) => {
      run.responses.push({ uuid: UUID, from: 1_000, to: 1_000 + ms, status: 503, retryAfter: true });
      run.limits = limitsFor(slowdown);
    };
    const invariant = 'no 5xx except 503 while the database is unavailable or Redis is full';
    expect(violatedBy(refused(10, 3_000))).not.toContain(invariant);
    expect(violatedBy(refused(10, 2_900))).toContain(invariant);
    expect(violatedBy(refused(1, 60_000))).toContain(invariant);
  });

  it('allows a killed worker’s alert the time the other worker was paused, and no more', () => {
    const late = (at: number) => (run: Observation) => {
      run.faults.push({ kind: 'kill worker', process: 'worker-1.1', from: 1_024, to: 1_025 });
      run.faults.push({ kind: 'pause worker', process: 'worker-2.1', from: 2_000, to: 9_000 });
      claimAgain(run, at);
    };
    expect(violatedBy(late(32_000))).not.toContain('the alert of a killed worker is claimed again in time');
    expect(violatedBy(late(34_000))).toContain('the alert of a killed worker is claimed again in time');
  });

  it('allows a second notification if its worker was killed before the mark, but not after it', () => {
    const kill = (from: number) => (run: Observation) => {
      notifyAgain(run);
      run.faults.push({ kind: 'kill worker', process: 'worker-1.1', from, to: from });
      if (from < 1_040) run.changes = run.changes.map((c) => (c.at === 1_040 ? { ...c, at: 15_010 } : c));
    };
    expect(violatedBy(kill(1_036))).toEqual([]);
    expect(violatedBy(kill(9_000))).toEqual(['no duplicate notification without a fault before its mark']);
  });

  it('allows a second notification by a worker that was paused, and one while the database was unavailable', () => {
    const paused = (run: Observation) => {
      notifyAgain(run, 8_000);
      run.faults.push({ kind: 'pause worker', process: 'worker-2.1', from: 500, to: 7_990 });
    };
    const unmarked = (run: Observation) => {
      notifyAgain(run, 8_000);
      run.faults.push({ kind: 'freeze database', process: undefined, from: 1_036, to: 7_000 });
    };
    expect(violatedBy(paused)).toEqual([]);
    expect(violatedBy(unmarked)).toEqual([]);
  });

  it('allows 503 with Retry-After until 15 s after a database outage, and never without the header', () => {
    const response = (from: number, retryAfter: boolean) => (run: Observation) => {
      run.faults.push({ kind: 'restart database', process: undefined, from: 50_000, to: 52_000 });
      run.responses.push({ uuid: UUID, from, to: from + 1, status: 503, retryAfter });
    };
    expect(violatedBy(response(51_000, true))).toEqual([]);
    expect(violatedBy(response(66_000, true))).toEqual([]);
    expect(violatedBy(response(68_000, true))).toHaveLength(1);
    expect(violatedBy(response(51_000, false))).toHaveLength(1);
  });

  it('allows 503 with Retry-After while Redis is full, and not while it is only unavailable', () => {
    const response = (kind: 'fill redis' | 'kill redis') => (run: Observation) => {
      run.faults.push({ kind, process: undefined, from: 50_000, to: 52_000 });
      run.responses.push({ uuid: UUID, from: 51_000, to: 51_001, status: 503, retryAfter: true });
    };
    expect(violatedBy(response('fill redis'))).toEqual([]);
    expect(violatedBy(response('kill redis'))).toHaveLength(1);
  });

  it('allows a timeout of an idle connection or a frozen database, and not of a locked table', () => {
    const timeout = (kind: 'freeze database' | 'lock table') => (run: Observation) => {
      run.faults.push({ kind, process: undefined, from: 50_000, to: 75_000 });
      run.failedRequests.push({ uuid: UUID, from: 51_000, to: 71_000, kind: 'timeout' });
    };
    expect(violatedBy(timeout('freeze database'))).toEqual([]);
    expect(violatedBy((run) => run.responses.push({ ...TOO_SLOW, to: 19 }))).toEqual([]);
    expect(violatedBy(timeout('lock table'))).toEqual(['no request times out while the database responds']);
  });

  it('reports work that does not resume within 15 s of an outage, unless another outage follows', () => {
    const noClaim = (run: Observation) => {
      run.faults.push({ kind: 'freeze database', process: undefined, from: 500, to: 1_000 });
      run.changes = run.changes.map((c) => (c.at >= 1_020 ? { ...c, at: c.at + 20_000 } : c));
    };
    expect(violatedBy(noClaim)).toContain('work resumes in time after an outage');
    const secondOutage = (run: Observation) => {
      noClaim(run);
      run.faults.push({ kind: 'pause redis', process: 'redis.1', from: 9_000, to: 19_000 });
    };
    expect(violatedBy(secondOutage)).not.toContain('work resumes in time after an outage');
  });

  it('does not allow an alert to fail because of an outage of the file server', () => {
    const outage = (run: Observation) => {
      missingVideo(run);
      run.faults.push({ kind: 'kill file server', process: 'file-server.1', from: 900, to: 1_400 });
    };
    expect(violatedBy(outage)).toEqual(['no result is wrong']);
  });

  it('requires that rolling restarts have no visible effect', () => {
    const exit = { process: 'worker-1.1', at: 1, sent: 'SIGTERM', how: 'exit code 1', lastLines: '' };
    expect(violatedBy((r) => (r.rows = [row({ attempts: 2 })]), RESTARTS)).toEqual(['no restart uses up an attempt']);
    expect(violatedBy((r) => r.exits.push(exit), RESTARTS)).toEqual(['SIGTERM leads to exit code 0']);
    expect(violatedBy((r) => r.exits.push({ ...exit, how: 'exit code 0' }), RESTARTS)).toEqual([]);
    const cut = (from: number, to: number) => (run: Observation) => {
      run.failedRequests.push({ uuid: UUID, from, to, kind: 'cut' });
    };
    // Its row was stored at 1,005 ms; never read; read but not stored.
    expect(violatedBy(cut(1_000, 1_006), RESTARTS)).toEqual(['no request in progress is cut']);
    expect(violatedBy(cut(990, 991), RESTARTS)).toEqual([]);
    expect(violatedBy(cut(0, 990), RESTARTS)).toEqual(['no request in progress is cut']);
  });
});

it.each([
  ['[Notification] Store: chaos-0 | Date: 2025-06-02 13:35:20 | Resolution: 1280x720', '1280x720'],
  [
    '[Notification] Store: chaos-0 | Date: 2025-06-02 15:35:35 | Failed: video_unreadable (no moov box)',
    'video_unreadable',
  ],
  ['[Notification] Store: chaos-0 | Date: 2025-06-02 13:35:20 | Resolution: ', ''],
  ['[Notification] Store: chaos-0 | malformed', 'malformed'],
])('records the result of the notification %j', (line, result) => {
  const history = newHistory();
  recordNotification(history, line, 'worker-1.1');
  recordNotification(history, '{"level":30,"msg":"alert handled"}', 'worker-1.1');
  expect(history.notifications).toMatchObject([{ store: 'chaos-0', result, by: 'worker-1.1' }]);
});
