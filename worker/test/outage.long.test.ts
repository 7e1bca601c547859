import { describe, expect, inject, it, vi } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { openWorkerFixture, PATIENTLY, type WorkerFixture } from './worker-fixture.ts';

const OPTIONS = { timeout: 600_000 };

/** Starts a worker; returns it with what its ops server reports. */
async function startWorker(fixture: WorkerFixture) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const process = fixture.startWorker({ OPS_PORT: new URL(url).port });
  const checks = async () => {
    const response = await fetch(`${url}/readyz`);
    const body = (await response.json()) as { checks: Record<string, string> }; // the response of ops-server.ts
    return body.checks;
  };
  const allOk = { database: 'ok', database_disk: 'ok', queue: 'ok', consuming: 'ok' };
  return {
    process,
    checks,
    livez: async () => (await fetch(`${url}/livez`)).status,
    waitUntilReady: () => vi.waitFor(async () => expect(await checks()).toEqual(allOk), PATIENTLY),
    waitUntilFailed: (component: string) =>
      vi.waitFor(async () => {
        const result = (await checks())[component];
        expect(result).toBeTypeOf('string');
        expect(result).not.toBe('ok');
      }, PATIENTLY),
  };
}

async function expectProcessed({ waitUntilNotified }: WorkerFixture, uuid: string): Promise<void> {
  expect(await waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
}

// Concurrent: these tests mostly wait, for timeouts and for locks that expire.
describe.skipIf(inject('redisUrl') === null)('a worker process', { concurrent: true }, () => {
  const outages: {
    name: string;
    component: 'database' | 'redis';
    start: 'refuse' | 'freeze';
    end: 'accept' | 'thaw';
  }[] = [
    { name: 'an unreachable PostgreSQL', component: 'database', start: 'refuse', end: 'accept' },
    { name: 'an unresponsive PostgreSQL', component: 'database', start: 'freeze', end: 'thaw' },
    { name: 'an unreachable Redis', component: 'redis', start: 'refuse', end: 'accept' },
    { name: 'an unresponsive Redis', component: 'redis', start: 'freeze', end: 'thaw' },
  ];

  it.for(outages)('reports $name, stays alive, and resumes by itself', OPTIONS, async (outage, t) => {
    const fixture = await openWorkerFixture(t, 'redis');
    const proxy = fixture.proxies[outage.component];
    const worker = await startWorker(fixture);
    await worker.waitUntilReady();
    await expectProcessed(fixture, await fixture.insert('/right/h264.mp4'));
    await proxy[outage.start]();
    await worker.waitUntilFailed(outage.component === 'redis' ? 'queue' : 'database');
    expect(await worker.livez()).toBe(200);
    const insertedDuringOutage = await fixture.insert('/right/h264.mp4');
    await proxy[outage.end]();
    await expectProcessed(fixture, insertedDuringOutage);
    await worker.waitUntilReady();
    expect(worker.process.running).toBe(true);
    expect(await worker.process.stop()).toBe('0');
  });

  it('starts while Redis is unreachable, and resumes by itself', OPTIONS, async (t) => {
    const fixture = await openWorkerFixture(t, 'redis');
    await fixture.proxies.redis.refuse();
    const worker = await startWorker(fixture);
    await worker.waitUntilFailed('queue');
    const uuid = await fixture.insert('/right/h264.mp4');
    await fixture.proxies.redis.accept();
    await expectProcessed(fixture, uuid);
    expect(worker.process.running).toBe(true);
  });

  it('resumes after all its database connections were terminated', OPTIONS, async (t) => {
    const fixture = await openWorkerFixture(t, 'redis');
    const worker = await startWorker(fixture);
    await worker.waitUntilReady();
    await fixture.db.$queryRaw`SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    await expectProcessed(fixture, await fixture.insert('/right/h264.mp4'));
    expect(worker.process.running).toBe(true);
  });

  it('changes and notifies nothing after a pause during which its lock expired', OPTIONS, async (t) => {
    const fixture = await openWorkerFixture(t, 'redis');
    const paused = await startWorker(fixture);
    await paused.waitUntilReady();
    const uuid = await fixture.insert('/late/h264.mp4');
    await fixture.waitForRequest('/late/');
    paused.process.pause();
    await startWorker(fixture);
    const final = await fixture.waitUntilNotified(uuid);
    expect(final).toMatchObject({ status: 'processed', attempts: 2 });
    paused.process.resume();
    const attemptEnd = /"msg":"(alert handled|attempt aborted[^"]*)"/;
    const line = await vi.waitFor(() => {
      const found = paused.process.lines.find((text) => text.includes(uuid) && attemptEnd.test(text));
      if (found === undefined) throw new Error('the resumed attempt has not ended');
      return found;
    }, PATIENTLY);
    expect(line).not.toContain('"outcome":"processed"');
    expect(await fixture.row(uuid)).toEqual(final);
    expect(fixture.notifications(uuid)).toHaveLength(1);
  });

  it('processes all alerts whose jobs were flushed from Redis', OPTIONS, async (t) => {
    const fixture = await openWorkerFixture(t, 'redis');
    const worker = await startWorker(fixture);
    await worker.waitUntilReady();
    worker.process.pause();
    const uuids = await Promise.all(Array.from({ length: 20 }, () => fixture.insert('/right/h264.mp4')));
    expect(await fixture.queue.enqueueAgain(uuids.map((uuid) => ({ uuid, requestId: 'r' })))).toBe(20);
    await fixture.redis?.send('FLUSHALL');
    worker.process.resume();
    await Promise.all(uuids.map((uuid) => expectProcessed(fixture, uuid)));
  });
});
