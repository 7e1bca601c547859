import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '#prisma/client.ts';
import { type DeliveryFixture, openDeliveryFixture, openReceiver, type Receiver, SOON } from './delivery-fixture.ts';

let fixture: DeliveryFixture;
let receiver: Receiver;
beforeEach(async (test) => {
  fixture = await openDeliveryFixture(test);
  receiver = await openReceiver(test);
});

const CONCURRENCY = 8;

/** Inserts this many due deliveries of one alert. */
async function insertPending(db: Database, destinationId: string, count: number): Promise<void> {
  await fixture.addAlert('pending');
  await db.$executeRaw`
    INSERT INTO deliveries (destination_id, event, store, snapshot, created_at, next_attempt_at)
    SELECT ${destinationId}::uuid, 'alert.late', 'test-store', to_jsonb(alert) - 'id', at, at
    FROM (SELECT * FROM alerts LIMIT 1) alert,
      LATERAL (SELECT now() - make_interval(secs => 3600 - n * 0.01) AS at FROM generate_series(1, ${count}::int) n) times`;
}

const count = (destinationId: string, status: 'pending' | 'delivered') =>
  fixture.db.delivery.count({ where: { destinationId, status } });

describe('an unreachable destination', () => {
  it('is blocked after five failures in a row; attempts that were in progress do not lengthen that', async () => {
    receiver.respond = () => ({ status: 500 });
    const { id } = await fixture.addDestination(receiver.url);
    await insertPending(fixture.db, id, 100);
    fixture.startWorker({ concurrency: CONCURRENCY });
    await expect.poll(async () => (await fixture.destination(id)).blockedUntil, SOON).not.toBeNull();
    const { consecutiveFailures, blockedUntil, lastError } = await fixture.destination(id);
    expect(consecutiveFailures).toBe(5);
    expect((blockedUntil?.getTime() ?? 0) - Date.now()).toBeLessThanOrEqual(5_000);
    expect(lastError).toContain('500');
    // Then one probe per block, which is twice as long each time.
    await expect.poll(async () => (await fixture.destination(id)).consecutiveFailures, SOON).toBe(6);
    expect(receiver.received.length).toBeLessThanOrEqual(5 + CONCURRENCY - 1 + 1);
    const warnings = () => fixture.logged.filter(({ msg }) => msg === 'destination blocked: its deliveries wait');
    expect(warnings()).toHaveLength(1);
    const claimed = await fixture.db.delivery.count({ where: { attempts: { gt: 0 } } });
    expect(claimed).toBeLessThanOrEqual(receiver.received.length);
  });

  it('with 10,000 pending deliveries does not affect another destination', { timeout: 600_000 }, async (test) => {
    const broken = await fixture.addDestination(receiver.url);
    receiver.respond = () => 'reset';
    const healthy = await openReceiver(test);
    const { id } = await fixture.addDestination(healthy.url, { filterEvents: ['alert.processed'] });
    await insertPending(fixture.db, broken.id, 10_000);
    const { deliverer } = fixture.startWorker({ concurrency: CONCURRENCY });
    const started = Date.now();
    for (let n = 0; n < 200; n += 1) {
      const { destinations } = await fixture.addAlert();
      for (const destination of destinations) deliverer.look(destination);
    }
    await expect.poll(() => count(id, 'delivered'), SOON).toBe(200);
    expect(await fixture.db.delivery.count({ where: { destinationId: id, attempts: { not: 1 } } })).toBe(0);
    expect(healthy.received).toHaveLength(200);
    // Before the block, those in progress and four more; afterwards one probe per block, which lasts 4 s at least.
    const probes = Math.ceil((Date.now() - started) / 4_000);
    expect(receiver.connections).toBeLessThanOrEqual(4 + CONCURRENCY + probes);
    expect(await count(broken.id, 'pending')).toBe(10_200);
  });

  it('gets its backlog at a bounded rate once it responds again', async () => {
    receiver.respond = () => ({ status: 500 });
    const { id } = await fixture.addDestination(receiver.url);
    await insertPending(fixture.db, id, 100);
    fixture.startWorker({ concurrency: CONCURRENCY, backlogRate: 25 });
    await expect.poll(async () => (await fixture.destination(id)).blockedUntil, SOON).not.toBeNull();
    const failed = receiver.received.length;
    receiver.respond = () => ({ status: 204 });
    await expect.poll(() => count(id, 'pending'), SOON).toBe(0);
    const sent = receiver.received.slice(failed);
    expect((sent.at(-1)?.at ?? 0) - (sent[0]?.at ?? 0)).toBeGreaterThanOrEqual(3_000);
    expect(await fixture.destination(id)).toMatchObject({ consecutiveFailures: 0, blockedUntil: null });
  });
});
