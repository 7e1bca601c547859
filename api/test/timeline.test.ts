import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Alert, claim, recordFailure } from '#prisma/alerts.ts';
import { formatDuration, timelineOf } from '../alerts/timeline.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

const RECEIVED = Date.parse('2026-11-22T10:00:00Z');
const at = (ms: number) => new Date(RECEIVED + ms);
const NOW = at(60_000);

/** Returns an alert that was received, claimed, probed and notified within a second, with changes. */
function alert(changes: Partial<Alert>): Alert {
  return {
    id: 1n,
    uuid: randomUUID(),
    video: '/a.mp4',
    store: 's',
    camera: null,
    source: null,
    timestamp: 1,
    status: 'processed',
    resolution: '1x1',
    width: 1,
    height: 1,
    rotation: 0,
    codec: 'h264',
    container: 'mp4',
    duration: 1,
    failureCode: null,
    failureDetail: null,
    claims: 1,
    attempts: 1,
    attemptsBefore: 0,
    crashes: 0,
    bytesFetched: 65_536n,
    bytesBefore: 0n,
    busyMs: 0,
    lastError: null,
    lastErrorAt: null,
    nextAttemptAt: null,
    roundStartedAt: null,
    requestId: 'r',
    traceparent: null,
    receivedAt: at(0),
    queuedAt: at(5),
    startedAt: at(25),
    processedAt: at(225),
    notifiedAt: at(235),
    lateAt: null,
    updatedAt: at(235),
    ...changes,
  };
}

const pending = { status: 'pending', processedAt: null, notifiedAt: null } as const;

describe('the timeline', () => {
  it('lists each step and its wait', () => {
    const timeline = timelineOf(alert({}), NOW);
    expect(timeline.steps).toEqual([
      { step: 'received', at: '2026-11-22T10:00:00.000Z', wait_ms: null },
      { step: 'queued', at: '2026-11-22T10:00:00.005Z', wait_ms: 5 },
      { step: 'claimed', at: '2026-11-22T10:00:00.025Z', wait_ms: 20 },
      { step: 'probed', at: '2026-11-22T10:00:00.225Z', wait_ms: 200 },
      { step: 'notified', at: '2026-11-22T10:00:00.235Z', wait_ms: 10 },
    ]);
    expect(timeline).toMatchObject({ total_ms: 235, waiting: null, bytes_fetched: 65_536 });
  });

  it('skips unknown steps, and returns no negative waits if clocks differ', () => {
    const { steps } = timelineOf(alert({ queuedAt: null, processedAt: at(20) }), NOW);
    expect(steps.map(({ wait_ms }) => wait_ms)).toEqual([null, null, 25, 0, 215]);
  });

  it('measures a round from its own start, and lists all rounds', () => {
    const retried = alert({
      attempts: 3,
      attemptsBefore: 2,
      roundStartedAt: at(30_000),
      queuedAt: at(30_010),
      startedAt: at(30_020),
      processedAt: at(30_100),
      notifiedAt: at(30_110),
    });
    const failure = { failureCode: 'video_timeout', failureDetail: 'slow' } as const;
    const rounds = [{ alertId: 1n, attempts: 2, startedAt: at(0), endedAt: at(20_000), ...failure }];
    const timeline = timelineOf(retried, NOW, rounds);
    expect(timeline).toMatchObject({ total_ms: 110, summary: 'Longest wait: 80 ms to fetch and read the video.' });
    expect(timeline.steps.map(({ wait_ms }) => wait_ms)).toEqual([null, 10, 10, 80, 10]);
    expect(timeline.rounds).toMatchObject([
      { number: 1, status: 'failed', ms: 20_000, attempts: 2, failure: { code: 'video_timeout', detail: 'slow' } },
      { number: 2, status: 'processed', ms: 100, attempts: 1, failure: null, ended_at: at(30_100).toISOString() },
    ]);
  });

  it('omits the steps before an operator’s retry', () => {
    const retried = alert({ ...pending, attempts: 4, attemptsBefore: 4 });
    const { steps, waiting, summary } = timelineOf(retried, NOW);
    expect(steps.map(({ at }) => at !== null)).toEqual([true, false, false, false, false]);
    expect(waiting).toMatchObject({ for: 'claimed' });
    expect(summary).toBe('Retried by an operator 1 min ago; waiting for a free worker.');
  });

  it.each<[string, Partial<Alert>]>([
    ['Longest wait: 200 ms to fetch and read the video.', {}],
    ['Longest wait: 40.0 s for a free worker.', { startedAt: at(40_005), processedAt: at(40_100) }],
    [
      'Longest wait: 50.0 s until it was queued: the queue was unavailable, or its job was lost and enqueued again.',
      { queuedAt: at(50_000), startedAt: at(50_010), processedAt: at(50_100), notifiedAt: at(50_110) },
    ],
    [
      'Longest wait: 30.0 s until an operator retried it after it had failed.',
      {
        attempts: 3,
        attemptsBefore: 2,
        queuedAt: at(30_000),
        startedAt: at(30_010),
        processedAt: at(30_100),
        notifiedAt: at(30_110),
      },
    ],
    [
      'Longest wait: 9.0 s until the last attempt, number 3, started. Last error: video_timeout: no byte for 3 s',
      {
        attempts: 3,
        lastError: 'video_timeout: no byte for 3 s',
        startedAt: at(9_005),
        processedAt: at(9_100),
        notifiedAt: at(9_110),
      },
    ],
    ['Longest wait: 20.0 s for its notification, after the result was known.', { notifiedAt: at(20_225) }],
    ['Longest wait: 59.8 s so far for its notification; the result is known.', { notifiedAt: null }],
    [
      'Waiting for a free worker for 1 min. If this continues, check that workers are running and the queue is available.',
      { ...pending, attempts: 0, queuedAt: null, startedAt: null },
    ],
    [
      'Attempt 2 started 30.0 s ago without a result; another attempt will follow. Last error: video_server_error: 503',
      { ...pending, attempts: 2, startedAt: at(30_000), lastError: 'video_server_error: 503' },
    ],
    [
      'Late, waiting for a free worker or for its video source. Attempt 9 started 30.0 s ago. Last error: video_timeout: slow',
      { ...pending, attempts: 9, startedAt: at(30_000), lastError: 'video_timeout: slow', nextAttemptAt: at(59_999) },
    ],
    [
      'Late, waiting for a free worker or for its video source. Last error: video_timeout: slow',
      { ...pending, attempts: 0, startedAt: at(30_000), lastError: 'video_timeout: slow', nextAttemptAt: at(59_999) },
    ],
    [
      'Late, next attempt at 2026-11-22T10:08:00.000Z. Attempt 9 started 30.0 s ago. Last error: video_timeout: slow',
      { ...pending, attempts: 9, startedAt: at(30_000), lastError: 'video_timeout: slow', nextAttemptAt: at(480_000) },
    ],
    [
      'Attempt 3 has been reading the video for 10.0 s. Its worker crashed twice.',
      { ...pending, status: 'processing', attempts: 3, crashes: 2, startedAt: at(50_000) },
    ],
  ])('summarises: %j', (summary, changes) => {
    expect(timelineOf(alert(changes), NOW).summary).toBe(summary);
  });

  it.each([
    [0, '0 ms'],
    [999.4, '999 ms'],
    [1_000, '1.0 s'],
    [59_940, '59.9 s'],
    [59_960, '1 min'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [18_600_000, '5 h 10 min'],
    [183_600_000, '2 d 3 h'],
  ])('formats %d ms as %j', (ms, words) => {
    expect(formatDuration(ms)).toBe(words);
  });
});

describe('GET /alerts/{uuid}/timeline', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
  });
  afterAll(() => api.close());

  it('returns the timeline of an alert just received', async () => {
    const body = newAlert();
    await api.post(body);
    const response = await fetch(`${api.url}/alerts/${body.uuid}/timeline`);
    expect(response.status).toBe(200);
    expect(await json(response)).toMatchObject({
      uuid: body.uuid,
      attempts: 0,
      failure: null,
      waiting: { for: 'claimed' },
    });
  });

  it('keeps the rounds before each retry', async () => {
    const { uuid } = newAlert();
    await api.post(newAlert({ uuid }));
    for (const [round, detail] of ['first', 'second'].entries()) {
      await claim(api.db, uuid);
      await recordFailure(api.db, { uuid, claim: round + 1 }, { code: 'video_forbidden', detail }, 0);
      expect((await fetch(`${api.url}/alerts/${uuid}/retry`, { method: 'POST' })).status).toBe(202);
    }
    const { rounds } = await json(await fetch(`${api.url}/alerts/${uuid}/timeline`));
    expect(rounds).toMatchObject([
      { number: 1, status: 'failed', attempts: 1, failure: { detail: 'first' } },
      { number: 2, status: 'failed', attempts: 1, failure: { detail: 'second' } },
      { number: 3, status: 'pending', attempts: 0, failure: null, ended_at: null },
    ]);
    expect([rounds[1].started_at, rounds[2].started_at].every((start) => start > rounds[0].started_at)).toBe(true);
  });

  it('is 404 for an unknown uuid and 422 for an invalid one', async () => {
    expect((await fetch(`${api.url}/alerts/${randomUUID()}/timeline`)).status).toBe(404);
    expect((await fetch(`${api.url}/alerts/nonsense/timeline`)).status).toBe(422);
  });

  it('shows a client the alerts of its own stores only', async () => {
    const body = newAlert({ store: 'theirs' });
    await api.post(body);
    const client = { id: 'k', name: 'k', scopes: new Set(['read'] as const), stores: ['ours'] };
    const restricted = await startTestApi({ auth: { clientOf: async () => client } });
    await restricted.db.alert.createMany({ data: [alert({ store: 'theirs', uuid: body.uuid })] });
    expect((await fetch(`${restricted.url}/alerts/${body.uuid}/timeline`)).status).toBe(404);
    await restricted.close();
  });
});
