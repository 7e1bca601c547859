import { describe, expect, inject, it, vi } from 'vitest';
import { openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

const ALERTS = 50;
const env = { MAX_CRASHES: '2', FETCH_TIMEOUT_MS: '600000' };

describe.each([
  ['postgres', false],
  ['redis', inject('redisUrl') === null],
] as const)('a worker on %s with 50 slow videos', (backend, missing) => {
  it.skipIf(missing)('is killed once, and all 50 are in progress together again', { timeout: 60_000 }, async (t) => {
    const { videos, send, startWorker, row } = await openWorkerFixture(t, backend);
    // A video that never arrives: the requests show how many attempts are in progress, however fast the machine is.
    const uuids = await Promise.all(Array.from({ length: ALERTS }, () => send('/silent/h264.mp4')));
    const requests = () => videos.requests.filter(({ path }) => path.startsWith('/silent/')).length;
    const first = startWorker(env);
    await vi.waitFor(() => expect(requests()).toBe(ALERTS), PATIENTLY);
    await first.kill();
    const second = startWorker(env);
    await vi.waitFor(() => expect(requests()).toBe(2 * ALERTS), PATIENTLY);
    for (const uuid of uuids) expect(await row(uuid)).toMatchObject({ attempts: 2, crashes: 1 });
    expect(await second.stop()).toBe('0');
  });
});
