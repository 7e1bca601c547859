import { describe, expect, it } from 'vitest';
import { judge, type Terms } from '../checker.ts';
import { type Change, type Evidence, newHistory, noteLine, type Row } from '../history.ts';

// The judge of `npm run chaos` must be able to say no: each case changes one thing in what a good house would show.

const UUID = '35df2857-3a48-4985-aed0-e68b5ae4c968';
const STORM: Terms = { gentle: false };
const GENTLE: Terms = { gentle: true };

function row(change: Partial<Row> = {}): Row {
  const done = { status: 'processed', resolution: '1280x720', failureCode: null, attempts: 1, notifiedAt: 1_040 };
  return { uuid: UUID, ...done, ...change };
}

function change(at: number, what: Partial<Change>): Change {
  return { ...row({ resolution: null, notifiedAt: null }), at, by: 'worker-1.1', processedAt: null, ...what };
}

/** One good alert: accepted at 1,010 ms, claimed, recorded, told at 1,035 ms, marked. */
function goodRun(): Evidence {
  const sent = { uuid: UUID, store: 'chaos-0', video: '/videos/test_1.avi', expected: { resolution: '1280x720' } };
  const record = { status: 'processed', resolution: '1280x720', processedAt: 1_030 };
  return {
    ...newHistory(),
    sent: [sent],
    answers: [{ uuid: UUID, from: 1_000, to: 1_010, status: 202, retryAfter: true }],
    told: [{ store: 'chaos-0', told: '1280x720', at: 1_035, by: 'worker-1.1' }],
    rows: [row()],
    changes: [
      change(1_005, { by: 'api-1.1', status: 'pending', attempts: 0 }),
      change(1_020, { status: 'processing' }),
      change(1_030, record),
      change(1_040, { ...record, notifiedAt: 1_040 }),
    ],
    leftovers: [],
    outOfTime: false,
  };
}

/** The promises that this run broke. */
function brokenBy(alter: (run: Evidence) => void, terms = STORM): string[] {
  const run = goodRun();
  alter(run);
  return judge(run, terms)
    .filter(({ broken }) => broken.length > 0)
    .map(({ promise }) => promise);
}

const missing = (run: Evidence, code = 'video_server_unreachable') => {
  const failed = { status: 'failed', resolution: null, failureCode: code };
  run.sent = run.sent.map((sent) => ({ ...sent, expected: { failure: 'video_not_found' } }));
  run.told = run.told.map((line) => ({ ...line, told: code }));
  run.rows = [row(failed)];
  run.changes = run.changes.map((c) => (c.status === 'processed' ? { ...c, ...failed } : c));
};
const repeat = (run: Evidence, at = 15_000, by = 'worker-2.1') => {
  run.told.push({ store: 'chaos-0', told: '1280x720', at, by });
};
const claimAgain = (run: Evidence, at: number) => {
  run.changes.splice(2, 0, change(at, { by: 'worker-2.1', status: 'processing', attempts: 2 }));
};

describe('the judge of a run', () => {
  it.each([STORM, GENTLE])('finds nothing in a good one (%j)', (terms) => {
    expect(brokenBy(() => {}, terms)).toEqual([]);
  });

  it.each<[string, (run: Evidence) => void, string[]]>([
    ['no row', (r) => Object.assign(r, { rows: [], changes: [] }), ['lost 0']],
    [
      'a pending row',
      (r) => (r.rows = [row({ status: 'pending', resolution: null, notifiedAt: null })]),
      ['lost 0', 'stuck 0'],
    ],
    ['a row that is not marked', (r) => (r.rows = [row({ notifiedAt: null })]), ['stuck 0']],
    ['another resolution', (r) => (r.rows = [row({ resolution: '720x1280' })]), ['wrong 0']],
    [
      'a good video given up',
      (r) => (r.rows = [row({ resolution: null, failureCode: 'worker_crashed' })]),
      ['wrong 0'],
    ],
    [
      'another resolution in the line',
      (r) => r.told.splice(0, 1, { store: 'chaos-0', told: '1x1', at: 1_035, by: 'w' }),
      ['wrong 0'],
    ],
    ['a missing video called unreachable', (r) => missing(r), ['wrong 0']],
    ['two rows', (r) => r.rows.push(row()), ['duplicate records 0']],
    [
      'a record written twice',
      (r) => r.changes.push(change(2_000, { status: 'processed', resolution: '1280x720', processedAt: 2_000 })),
      ['duplicate records 0'],
    ],
    ['a record taken back', (r) => r.changes.push(change(2_000, { status: 'pending' })), ['duplicate records 0']],
    ['no line', (r) => (r.told = []), ['every alert is told']],
    ['a line twice, for no reason', (r) => repeat(r), ['no duplicate without a blow between line and mark']],
    [
      'a 500',
      (r) => r.answers.push({ uuid: UUID, from: 1_000, to: 1_001, status: 500, retryAfter: false }),
      ['no 5xx but 503 while the database is away'],
    ],
    [
      'a 503 with the database there',
      (r) => r.answers.push({ uuid: UUID, from: 1_000, to: 1_001, status: 503, retryAfter: true }),
      ['no 5xx but 503 while the database is away'],
    ],
    [
      'a conflict',
      (r) => r.answers.push({ uuid: UUID, from: 1_000, to: 1_001, status: 409, retryAfter: false }),
      ['no answer that a good client does not deserve'],
    ],
    ['no 202', (r) => (r.answers = []), ['every alert is accepted in the end']],
    [
      'silence',
      (r) => r.unanswered.push({ uuid: UUID, from: 0, to: 20_000, kind: 'timeout' }),
      ['no request without an answer while the database is there'],
    ],
    ['a job left', (r) => r.leftovers.push({ uuid: UUID, state: 'active' }), ['nothing left in the queue']],
    [
      'a process that fell',
      (r) => r.exits.push({ by: 'api-1.1', at: 1, asked: undefined, how: 'exit code 1', lastWords: '' }),
      ['no process ends by itself'],
    ],
    ['a run out of time', (r) => (r.outOfTime = true), ['the run ends within its time']],
  ])('tells of %s', (_what, alter, broken) => {
    expect(brokenBy(alter)).toEqual(broken);
  });

  it('tells of a killed worker whose alert waited for over 20 s, and as much longer as the queue was away', () => {
    const late = (run: Evidence) => {
      run.blows.push({ kind: 'kill worker', hit: 'worker-1.1', from: 1_024, to: 1_025 });
      claimAgain(run, 22_000);
    };
    expect(brokenBy(late)).toContain('recovery from SIGKILL within 20 s');
    const stalled = (ms: number) => (run: Evidence) => {
      late(run);
      run.blows.push({ kind: 'stop redis', hit: 'redis.1', from: 5_000, to: 5_000 + ms });
    };
    expect(brokenBy(stalled(2_000))).not.toContain('recovery from SIGKILL within 20 s');
    const muchLater = (run: Evidence) => {
      stalled(2_000)(run);
      run.changes = run.changes.map((c) => (c.by === 'worker-2.1' ? { ...c, at: 40_000 } : c));
    };
    expect(brokenBy(muchLater)).toContain('recovery from SIGKILL within 20 s');
  });

  it('allows a killed worker’s alert as much longer as the other worker was frozen, and no more', () => {
    const late = (at: number) => (run: Evidence) => {
      run.blows.push({ kind: 'kill worker', hit: 'worker-1.1', from: 1_024, to: 1_025 });
      run.blows.push({ kind: 'stop worker', hit: 'worker-2.1', from: 2_000, to: 9_000 });
      claimAgain(run, at);
    };
    expect(brokenBy(late(32_000))).not.toContain('recovery from SIGKILL within 20 s');
    expect(brokenBy(late(34_000))).toContain('recovery from SIGKILL within 20 s');
  });

  it('allows a second line where its worker was killed before the mark, and not after it', () => {
    const kill = (from: number) => (run: Evidence) => {
      repeat(run);
      run.blows.push({ kind: 'kill worker', hit: 'worker-1.1', from, to: from });
      if (from < 1_040) run.changes = run.changes.map((c) => (c.at === 1_040 ? { ...c, at: 15_010 } : c));
    };
    expect(brokenBy(kill(1_036))).toEqual([]);
    expect(brokenBy(kill(9_000))).toEqual(['no duplicate without a blow between line and mark']);
  });

  it('allows a second line by a worker that was stopped meanwhile, and one while the database took no mark', () => {
    const stopped = (run: Evidence) => {
      repeat(run, 8_000);
      run.blows.push({ kind: 'stop worker', hit: 'worker-2.1', from: 500, to: 7_990 });
    };
    const unmarked = (run: Evidence) => {
      repeat(run, 8_000);
      run.blows.push({ kind: 'stall database', hit: undefined, from: 1_036, to: 7_000 });
    };
    expect(brokenBy(stopped)).toEqual([]);
    expect(brokenBy(unmarked)).toEqual([]);
  });

  it('allows 503 with Retry-After while the database is away and 15 s longer, and without the header never', () => {
    const answer = (from: number, retryAfter: boolean) => (run: Evidence) => {
      run.blows.push({ kind: 'restart database', hit: undefined, from: 50_000, to: 52_000 });
      run.answers.push({ uuid: UUID, from, to: from + 1, status: 503, retryAfter });
    };
    expect(brokenBy(answer(51_000, true))).toEqual([]);
    expect(brokenBy(answer(66_000, true))).toEqual([]);
    expect(brokenBy(answer(68_000, true))).toHaveLength(1);
    expect(brokenBy(answer(51_000, false))).toHaveLength(1);
  });

  it('tells of work that does not resume within 15 s of a return, unless something else went away meanwhile', () => {
    const silence = (run: Evidence) => {
      run.blows.push({ kind: 'stall database', hit: undefined, from: 500, to: 1_000 });
      run.changes = run.changes.map((c) => (c.at >= 1_020 ? { ...c, at: c.at + 20_000 } : c));
    };
    expect(brokenBy(silence)).toContain('work resumes within 15 s');
    const again = (run: Evidence) => {
      silence(run);
      run.blows.push({ kind: 'stop redis', hit: 'redis.1', from: 9_000, to: 19_000 });
    };
    expect(brokenBy(again)).not.toContain('work resumes within 15 s');
  });

  it('allows a missing video to end as unreachable only where the window was away in its last attempt', () => {
    const away = (from: number) => (run: Evidence) => {
      missing(run);
      run.blows.push({ kind: 'kill window', hit: 'window.1', from, to: from + 500 });
    };
    expect(brokenBy(away(900))).toEqual([]);
    expect(brokenBy(away(40_000))).toEqual(['wrong 0']);
  });

  it('wants of rolling restarts that nothing shows them', () => {
    const exit = { by: 'worker-1.1', at: 1, asked: 'SIGTERM', how: 'exit code 1', lastWords: '' };
    expect(brokenBy((r) => (r.rows = [row({ attempts: 2 })]), GENTLE)).toEqual(['no restart uses up an attempt']);
    expect(brokenBy((r) => r.exits.push(exit), GENTLE)).toEqual(['SIGTERM ends in exit code 0']);
    const cut = (from: number, to: number) => (run: Evidence) => {
      run.unanswered.push({ uuid: UUID, from, to, kind: 'cut' });
    };
    // Stored at 1,005 ms; never read; read and not stored.
    expect(brokenBy(cut(1_000, 1_006), GENTLE)).toEqual(['no request under way is cut']);
    expect(brokenBy(cut(990, 991), GENTLE)).toEqual([]);
    expect(brokenBy(cut(0, 990), GENTLE)).toEqual(['no request under way is cut']);
  });
});

it.each([
  ['[Notification] Store: chaos-0 | Date: 2025-06-02 13:35:20 | Resolution: 1280x720', '1280x720'],
  [
    '[Notification] Store: chaos-0 | Date: 2025-06-02 15:35:35 | Failed: video_unreadable (no moov box)',
    'video_unreadable',
  ],
  ['[Notification] Store: chaos-0 | Date: 2025-06-02 13:35:20 | Resolution: ', ''],
  ['[Notification] Store: chaos-0 | nothing that a store could read', 'nothing that a store could read'],
])('notes of %j what the store was told', (line, told) => {
  const ledger = newHistory();
  noteLine(ledger, line, 'worker-1.1');
  noteLine(ledger, '{"level":30,"msg":"alert handled"}', 'worker-1.1');
  expect(ledger.told).toMatchObject([{ store: 'chaos-0', told, by: 'worker-1.1' }]);
});
