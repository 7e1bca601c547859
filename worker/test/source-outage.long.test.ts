import { describe, expect, inject, it, vi } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { FIXTURES, openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

describe.concurrent('with a queue on postgres', () => outage('postgres'));
describe.skipIf(inject('redisUrl') === null)('with a queue on redis', { concurrent: true }, () => outage('redis'));

function outage(backend: 'postgres' | 'redis') {
  it('an outage fails no alert, costs few connections, and ends by itself', { timeout: 400_000 }, async (t) => {
    const { db, send, row, startWorker, waitUntilNotified } = await openWorkerFixture(t, backend);
    const port = await freePort();
    const VIDEO_SERVER = `http://127.0.0.1:${port}`;
    const refusing = await startVideoServer({ root: FIXTURES, port });
    // More alerts than slots; the 20 first attempts are in progress at the same time.
    const first = startWorker({ VIDEO_SERVER, WORKER_CONCURRENCY: '20' });
    const uuids = await Promise.all(Array.from({ length: 100 }, (_, n) => send('/broken/h264.mp4', `store ${n % 10}`)));
    const withReason = () =>
      db.alert.count({ where: { status: 'pending', lastError: { startsWith: 'video_server_' } } });
    await vi.waitFor(async () => expect(await withReason()).toBe(100), PATIENTLY);
    // A restart during the outage changes nothing.
    await first.stop();
    startWorker({ VIDEO_SERVER, WORKER_CONCURRENCY: '20' });
    const before = refusing.requests.length;
    const probed = async () => expect(refusing.requests.length).toBeGreaterThan(before + 5);
    await vi.waitFor(probed, PATIENTLY);
    // Each worker: the attempts that had started when it opened, and probes.
    expect(refusing.requests.length).toBeLessThanOrEqual(60);
    await refusing.close();
    const rows = await Promise.all(uuids.map(row));
    expect(rows.filter(({ status, attempts }) => status === 'failed' || attempts > 6)).toEqual([]);
    await db.alert.updateMany({ data: { video: '/right/h264.mp4' } });
    const working = await startVideoServer({ root: FIXTURES, port });
    t.onTestFinished(working.close);
    const final = await Promise.all(uuids.map(waitUntilNotified));
    expect(final.filter(({ status }) => status === 'processed')).toHaveLength(100);
  });
}
