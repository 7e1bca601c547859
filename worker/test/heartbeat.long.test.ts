import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { listWorkers } from '#prisma/worker-processes.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { startHeartbeat } from '../heartbeat.ts';
import { openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

it('a worker records its version and its variables without secrets', {
  timeout: 400_000,
}, async (t) => {
  const { db, startWorker } = await openWorkerFixture(t);
  startWorker({ SECRETS_KEY: Buffer.alloc(32).toString('base64'), WORKER_CONCURRENCY: '3' });
  const found = await vi.waitFor(async () => {
    const [first] = await listWorkers(db);
    if (!first) throw new Error('not recorded yet');
    return first;
  }, PATIENTLY);
  expect(found).toMatchObject({ version: packageJson.version, node: process.versions.node, pid: expect.any(Number) });
  const concurrency = { name: 'WORKER_CONCURRENCY', value: '3', origin: 'environment', file: null, hidden: false };
  expect(found.configuration).toContainEqual(concurrency);
  expect(found.configuration).toContainEqual({ ...concurrency, name: 'SECRETS_KEY', value: '***', hidden: true });
});

it('a worker is seen again and again, until it stops', { timeout: 400_000 }, async (t) => {
  const { db } = await openWorkerFixture(t);
  const heartbeat = startHeartbeat({
    db,
    log: pino({ level: 'silent' }),
    configuration: [],
    intervalMs: 20,
    closeMs: 150_000,
  });
  const seenAt = async () => (await listWorkers(db))[0]?.seenAt.getTime() ?? 0;
  await vi.waitFor(async () => expect(await seenAt()).toBeGreaterThan(0), PATIENTLY);
  const first = await seenAt();
  await vi.waitFor(async () => expect(await seenAt()).toBeGreaterThan(first), PATIENTLY);
  await heartbeat.close();
  expect(await listWorkers(db)).toEqual([]);
});
