import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { openAlertQueue } from '#redis/queue.ts';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { startPromoting } from '../promote-waiting.ts';
import { createSourcesHealth } from '../source-health.ts';
import { createWaitingAlerts } from '../waiting-alerts.ts';

const FAILURE = { code: 'video_server_unreachable', detail: 'refused' } as const;
const NEXT_ATTEMPT = new Date(Date.now() + 3_600_000);
const uuidOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

async function openFixture() {
  const database = await createTestDatabase({ queue: true });
  onTestFinished(database.drop);
  const queue = openAlertQueue(database.url, () => {});
  onTestFinished(() => queue.close());
  const db = openDatabase(database.url, { poolSize: 2, onError: () => {} });
  onTestFinished(() => db.$disconnect());
  const log = pino({ enabled: false });
  const nameOf = ({ source }: { source: string | null }) => source ?? 'default';
  const sources = createSourcesHealth({ nameOf, several: true, log, registry: new Registry() });
  return { db, queue, log, sources };
}

/** Stores alerts that wait for an hour after an error, with their jobs. */
async function storeWaiting(
  { db, queue }: Pick<Awaited<ReturnType<typeof openFixture>>, 'db' | 'queue'>,
  alerts: { uuid: string; lastError: string; source?: string }[],
) {
  const common = { video: '/video.avi', store: 'a', timestamp: 1e9, requestId: 'test', nextAttemptAt: NEXT_ATTEMPT };
  await db.alert.createMany({ data: alerts.map((alert) => ({ ...common, status: 'pending', ...alert })) });
  await queue.enqueueAgain(alerts.map(({ uuid }) => ({ uuid, requestId: 'test', notBefore: NEXT_ATTEMPT })));
}

it('2 waiting alerts return per second; of more than 7,200, all within an hour', () => {
  const waiting = createWaitingAlerts();
  const times = Array.from({ length: 401 }, (_, n) => {
    waiting.add(`${n}`);
    return waiting.nextReturn(5_000);
  });
  expect([times[0], times[200], times[400]]).toEqual([5_000, 105_000, 205_000]);
  for (let n = 0; n < 12_000; n += 1) waiting.add(`${n}`);
  const first = waiting.nextReturn(0);
  for (let n = 1; n < 12_000; n += 1) waiting.nextReturn(0);
  expect(waiting.nextReturn(0) - first).toBeCloseTo(3_600_000);
  waiting.restart();
  expect(waiting.nextReturn(7_000)).toBe(7_000);
});

it('knows at most 100,000 alerts, and takes those first that waited first', () => {
  const waiting = createWaitingAlerts();
  for (let n = 0; n < 100_000; n += 1) waiting.add(`${n}`);
  expect(['0', '99999'].map(waiting.add)).toEqual([false, false]);
  expect(waiting.add('one more')).toBe(false);
  waiting.remove('1');
  expect(waiting.take(3)).toEqual(['0', '2', '3']);
  expect(waiting.take(200_000)).toHaveLength(99_996);
  expect(waiting.take(1)).toEqual([]);
  expect(['a', 'a'].map(waiting.add)).toEqual([true, false]);
});

it('alerts that wait continue when their source responds, and when the file has another source of its name', async () => {
  const { db, queue, log, sources } = await openFixture();
  const of = (source: string) => sources.of({ store: '', source });
  const uuids: Record<string, string[]> = {};
  for (const [index, source] of ['paris', 'berlin', 'rome'].entries()) {
    for (let n = 0; n < 5; n += 1) of(source).failed(uuidOf(n), FAILURE);
    uuids[source] = Array.from({ length: 60 }, (_, n) => uuidOf(1_000 * (index + 1) + n));
    // Processed by other workers since: without jobs.
    for (let n = 100; n < 900; n += 1) of(source).admit(uuidOf(1_000 * (index + 1) + n));
    const notBefore = new Date(Date.now() + 3_600_000);
    for (const uuid of uuids[source]) {
      expect(of(source).admit(uuid)).toMatchObject({ kind: 'wait' });
      await queue.enqueue({ uuid, requestId: 'test', notBefore });
    }
  }
  const delayed = async (source: string) => {
    const states = await Promise.all((uuids[source] ?? []).map((uuid) => queue.bull().getJobState(uuid)));
    return states.filter((state) => state === 'delayed').length;
  };
  const promoting = startPromoting({ db, sources, queue, log });
  onTestFinished(promoting.close);
  of('paris').responded();
  await expect.poll(() => delayed('paris'), { timeout: 150_000 }).toBe(0);
  sources.update(['paris', 'berlin', 'rome'], ['berlin']);
  await expect.poll(() => delayed('berlin'), { timeout: 150_000 }).toBe(0);
  expect(await delayed('rome')).toBe(60);
});

it('a worker that starts ends the delay of alerts whose server did not respond, and of no others', async () => {
  const { db, queue, log, sources } = await openFixture();
  const others = ['video_timeout: 10 s', 'video_server_error: 503', 'video_not_found: 404'];
  // More than a page of the first kind.
  const errors = [...Array<string>(1_100).fill('video_server_unreachable: refused'), ...others];
  await storeWaiting(
    { db, queue },
    errors.map((lastError, n) => ({ uuid: uuidOf(n), lastError })),
  );
  const promoting = startPromoting({ db, sources, queue, log });
  onTestFinished(promoting.close);
  await expect.poll(() => queue.bull().getDelayedCount(), { timeout: 150_000 }).toBe(2);
  const delayed = await queue.bull().getDelayed();
  expect(delayed.map(({ id }) => id).sort()).toEqual([uuidOf(1_101), uuidOf(1_102)]);
});

it('a worker learns of alerts that others let wait while their source is down', { timeout: 400_000 }, async () => {
  const { db, queue, log, sources } = await openFixture();
  for (let n = 0; n < 5; n += 1) sources.of({ store: '', source: 'paris' }).failed(uuidOf(n), FAILURE);
  const learned = new Set<string>();
  const of: typeof sources.of = (location) => {
    const source = sources.of(location);
    return {
      ...source,
      learn(alert) {
        learned.add(alert);
        source.learn(alert);
      },
    };
  };
  const promoting = startPromoting({ db, sources: { ...sources, of }, queue, log, readMs: 500 });
  onTestFinished(promoting.close);
  const waiting = ['paris', 'paris', 'rome'].map((source, n) => ({
    uuid: uuidOf(100 + n),
    source,
    lastError: 'video_server_error: 500',
  }));
  await storeWaiting({ db, queue }, waiting);
  await expect.poll(() => [...learned].sort(), { timeout: 150_000 }).toEqual([uuidOf(100), uuidOf(101)]);
  sources.of({ store: '', source: 'paris' }).responded();
  await expect.poll(() => queue.bull().getDelayedCount(), { timeout: 150_000 }).toBe(1);
  expect(await queue.bull().getJobState(uuidOf(102))).toBe('delayed');
});
