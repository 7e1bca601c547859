import { describe, expect, inject, it, vi } from 'vitest';
import { openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

const SLOTS = 10;
const LIMIT = 8;

describe.concurrent('on postgres', () => slowStore('postgres'));
describe.skipIf(inject('redisUrl') === null)('on redis', { concurrent: true }, () => slowStore('redis'));

function slowStore(backend: 'postgres' | 'redis') {
  it('processes other stores while one store’s videos never arrive', { timeout: 400_000 }, async (t) => {
    const { db, send, row, startWorker, waitUntilNotified } = await openWorkerFixture(t, backend);
    // The attempts of the slow store outlast the test.
    startWorker({ WORKER_CONCURRENCY: `${SLOTS}`, FETCH_TIMEOUT_MS: '600000' });
    const slow = await Promise.all(Array.from({ length: 4 * SLOTS }, () => send('/silent/h264.mp4', 'slow')));
    const processing = () => db.alert.count({ where: { status: 'processing' } });
    await vi.waitFor(async () => expect(await processing()).toBe(LIMIT), PATIENTLY);
    const others = await Promise.all(Array.from({ length: 30 }, (_, n) => send('/right/h264.mp4', `other ${n % 3}`)));
    await Promise.all(others.map(waitUntilNotified));
    expect(await processing()).toBe(LIMIT);
    const rows = await Promise.all(slow.map(row));
    // Jobs beyond the limit were returned to the queue before they were claimed.
    expect(rows.filter(({ status, attempts }) => status === 'pending' && attempts === 0)).toHaveLength(
      4 * SLOTS - LIMIT,
    );
  });
}
