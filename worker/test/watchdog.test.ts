import { describe, expect, it } from 'vitest';
import { block, startWatched } from './watched-fixture.ts';

const TIMEOUT_MS = 1_000;

describe.concurrent('the watchdog', () => {
  it('kills a process in an endless loop and names the alerts in progress', async (test) => {
    const watched = await startWatched(test, TIMEOUT_MS);
    watched.child.send({ blockMs: null });
    expect(await watched.ended).toBe('SIGKILL');
    const line = JSON.parse(watched.lines.at(-1) ?? '');
    expect(line).toMatchObject({ level: 60, service: 'worker', pid: watched.pid });
    expect(line).toMatchObject({ alerts: ['00000000-0000-4000-8000-000000000002'] });
    expect(line.msg).toBe('event loop blocked: terminating the worker');
    expect(line.blockedMs).toBeGreaterThanOrEqual(TIMEOUT_MS);
  });

  it('lets a process run that is blocked repeatedly, but each time for less than the limit', async (test) => {
    // The limit is far away: a busy machine may stretch each block.
    const watched = await startWatched(test, 30_000);
    for (let i = 0; i < 3; i += 1) await block(watched, 300);
    expect(await watched.stop()).toBe('SIGTERM');
  });
});
