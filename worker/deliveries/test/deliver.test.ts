import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { claimDeliveries, createTestDelivery } from '#prisma/deliveries.ts';
import { setEnabled } from '#prisma/destination-backlog.ts';
import { type DeliveryFixture, openDeliveryFixture, openReceiver, type Receiver, SOON } from './delivery-fixture.ts';

let fixture: DeliveryFixture;
let receiver: Receiver;
beforeEach(async (test) => {
  fixture = await openDeliveryFixture(test);
  receiver = await openReceiver(test);
});

const statuses = async (destinationId: string) => (await fixture.deliveries(destinationId)).map(({ status }) => status);

describe('a recorded result', () => {
  it('is sent once, under the id of its delivery, with the alert', async () => {
    const { id } = await fixture.addDestination(receiver.url);
    const { uuid, destinations } = await fixture.addAlert('processed');
    expect(destinations).toEqual([id]);
    const { deliverer } = fixture.startWorker({ publicUrl: 'https://alerts.example.com' });
    for (const destination of destinations) await deliverer.handle({ destination });
    await expect.poll(() => statuses(id), SOON).toEqual(['delivered']);
    const [delivery] = await fixture.deliveries(id);
    expect(receiver.received).toMatchObject([
      {
        id: delivery?.id,
        body: { type: 'alert.processed', data: { uuid, status: 'processed', resolution: '1280x720' } },
      },
    ]);
    expect(delivery).toMatchObject({ attempts: 1, responseStatus: 204, history: [{ status: 204, error: null }] });
    // Recorded after the delivery.
    await expect.poll(async () => (await fixture.destination(id)).lastDeliveredAt, SOON).not.toBeNull();
  });

  it('is found without a trigger', async () => {
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert('failed');
    fixture.startWorker();
    await expect.poll(() => statuses(id), SOON).toEqual(['delivered']);
    expect(receiver.received).toMatchObject([{ body: { type: 'alert.failed' } }]);
  });

  it('is sent once by two workers that look at the same time', async () => {
    const { id } = await fixture.addDestination(receiver.url);
    for (let n = 0; n < 40; n += 1) await fixture.addAlert();
    for (const { deliverer } of [fixture.startWorker(), fixture.startWorker()]) deliverer.look(id);
    await expect.poll(() => statuses(id), SOON).toEqual(Array(40).fill('delivered'));
    expect(new Set(receiver.received.map((each) => each.id)).size).toBe(40);
    expect(receiver.received).toHaveLength(40);
  });
});

it('counts muted late alerts, and sends none of them', async () => {
  const { id } = await fixture.addDestination(receiver.url, { filterEvents: ['alert.late'] });
  const mute = { store: 'test-store', reason: 'works', createdBy: 'test' };
  await fixture.db.mute.create({ data: { ...mute, endsAt: new Date(Date.now() + 3_600_000) } });
  for (const store of ['test-store', 'test-store', 'other']) await fixture.addAlert('pending', store);
  await fixture.db.$executeRaw`UPDATE alerts SET received_at = now() - interval '3 minutes'`;
  const { metrics } = fixture.startWorker();
  await expect.poll(() => statuses(id).then((all) => all.toSorted()), SOON).toEqual(['delivered', 'muted', 'muted']);
  await expect.poll(async () => (await metrics.muted.get()).values, SOON).toMatchObject([{ value: 2 }]);
  expect(receiver.received).toHaveLength(1);
});

describe('a failed attempt', () => {
  it('is repeated after 4 to 5 s, under the same id', async () => {
    receiver.respond = () => ({ status: receiver.received.length === 1 ? 500 : 200, body: 'a response' });
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    fixture.startWorker();
    await expect.poll(() => statuses(id), SOON).toEqual(['delivered']);
    const [first, second] = receiver.received;
    expect(receiver.received).toHaveLength(2);
    expect(second?.id).toBe(first?.id);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(3_900);
    const [delivery] = await fixture.deliveries(id);
    expect(delivery).toMatchObject({ attempts: 2, history: [{ status: 500 }, { status: 200, error: null }] });
    expect(await fixture.destination(id)).toMatchObject({ consecutiveFailures: 0, blockedUntil: null });
  });

  it('is the last one if it is the tenth', async () => {
    receiver.respond = () => ({ status: 500 });
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    await fixture.db.delivery.updateMany({ data: { attempts: 9 } });
    const { metrics } = fixture.startWorker();
    await expect.poll(() => statuses(id), SOON).toEqual(['failed']);
    expect(receiver.received).toHaveLength(1);
    expect(fixture.logged).toContainEqual(expect.objectContaining({ msg: 'delivery failed', attempt: 10 }));
    expect((await metrics.deliveries.get()).values).toContainEqual(
      expect.objectContaining({ labels: { kind: 'webhook', outcome: 'failed' }, value: 1 }),
    );
  });

  it('waits as long as Retry-After requests, but at most an hour, and so does the destination', async () => {
    receiver.respond = () => ({ status: 503, headers: { 'retry-after': '86400' } });
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    fixture.startWorker();
    await expect.poll(async () => (await fixture.deliveries(id))[0]?.lastError, SOON).not.toBeNull();
    const inMs = (date?: Date | null) => (date?.getTime() ?? 0) - Date.now();
    const [delivery] = await fixture.deliveries(id);
    expect(inMs(delivery?.nextAttemptAt)).toBeGreaterThan(3_000_000);
    expect(inMs(delivery?.nextAttemptAt)).toBeLessThanOrEqual(3_600_000);
    expect(inMs((await fixture.destination(id)).blockedUntil)).toBeGreaterThan(2_700_000);
    await fixture.addAlert();
    expect(await claimDeliveries(fixture.db, { destinationId: id, limit: 10, leaseMs: 1_000 })).toEqual([]);
  });

  it('ends after the timeout if the receiver does not respond, and leaves the other slots to other deliveries', async () => {
    receiver.respond = ({ body }) => (Object(body.data).store === 'stalled' ? 'stall' : { status: 200 });
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert('processed', 'stalled');
    for (let n = 0; n < 20; n += 1) await fixture.addAlert();
    fixture.startWorker({ timeoutMs: 3_000 });
    await expect.poll(async () => (await statuses(id)).filter((each) => each === 'delivered'), SOON).toHaveLength(20);
    await expect
      .poll(async () => (await fixture.deliveries(id)).find(({ store }) => store === 'stalled')?.lastError, SOON)
      .toMatch(/3000 ms|timeout|timed out/i);
  });

  it('disables the destination at 410 Gone and keeps its deliveries', async () => {
    receiver.respond = () => ({ status: 410 });
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    const { metrics } = fixture.startWorker();
    await expect.poll(async () => (await fixture.destination(id)).enabled, SOON).toBe(false);
    await expect.poll(async () => (await fixture.deliveries(id))[0]?.lastError, SOON).not.toBeNull();
    await fixture.addAlert();
    expect(await fixture.destination(id)).toMatchObject({ disabledReason: 'the receiver responded 410 Gone' });
    expect(await statuses(id)).toEqual(['pending', 'pending']);
    expect(receiver.received).toHaveLength(1);
    await expect.poll(async () => (await metrics.disabled.get()).values.map(({ value }) => value), SOON).toEqual([1]);
  });
});

describe('a disabled destination', () => {
  it('keeps its deliveries; enabling it sends them, oldest first, at the rate', async () => {
    const { id } = await fixture.addDestination(receiver.url, { enabled: false });
    const sent: string[] = [];
    for (let n = 0; n < 10; n += 1) sent.push((await fixture.addAlert()).uuid);
    // Two that are sent at the same time can arrive in either order.
    const { deliverer } = fixture.startWorker({ concurrency: 1 });
    await deliverer.handle({ destination: id });
    const enabledAt = Date.now();
    await setEnabled(fixture.db, id, true, { ratePerS: 5 });
    await expect.poll(() => statuses(id), SOON).toEqual(Array(10).fill('delivered'));
    expect(receiver.received.map(({ body }) => Object(body.data).uuid)).toEqual(sent);
    for (const [n, { at }] of receiver.received.entries()) expect(at - enabledAt).toBeGreaterThanOrEqual(n * 200 - 5);
  });

  it('gets a test nevertheless, which is sent once and has a result', async () => {
    const { id } = await fixture.addDestination(receiver.url, { enabled: false });
    receiver.respond = () => ({ status: receiver.received.length === 1 ? 500 : 204, body: 'try later' });
    const { deliverer } = fixture.startWorker();
    for (const expected of ['failed', 'delivered']) {
      const delivery = (await createTestDelivery(fixture.db, id)) ?? '';
      await deliverer.handle({ delivery });
      await expect.poll(async () => (await statuses(id)).at(-1), SOON).toBe(expected);
    }
    expect(receiver.received).toMatchObject([{ body: { type: 'test' } }, { body: { type: 'test' } }]);
    expect(await fixture.destination(id)).toMatchObject({ consecutiveFailures: 0, enabled: false });
  });
});

describe('the secrets of a destination', () => {
  it.each([
    ['SECRETS_KEY is not set', undefined],
    ['set SECRETS_KEY of the worker to that key', randomBytes(32)],
  ])('that cannot be opened leave the delivery pending: %s', async (error, secretsKey) => {
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    const worker = fixture.startWorker({ secretsKey });
    await expect.poll(async () => (await fixture.deliveries(id))[0]?.lastError, SOON).toContain(error);
    expect(await statuses(id)).toEqual(['pending']);
    await worker.stop();
    await fixture.db.delivery.updateMany({ data: { nextAttemptAt: new Date(0) } });
    fixture.startWorker();
    await expect.poll(() => statuses(id), SOON).toEqual(['delivered']);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('a worker that stops', () => {
  it('finishes attempts in progress within its grace period, and claims nothing more', async () => {
    const response = Promise.withResolvers<{ status: number }>();
    receiver.respond = () => response.promise;
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    const worker = fixture.startWorker();
    await expect.poll(() => receiver.received, SOON).toHaveLength(1);
    const stopped = worker.stop(60_000);
    await fixture.addAlert();
    response.resolve({ status: 200 });
    await stopped;
    expect(await statuses(id)).toEqual(['delivered', 'pending']);
  });

  it('releases an attempt that outlasts the grace period, which then does not count', async () => {
    receiver.respond = () => (receiver.received.length === 1 ? 'stall' : { status: 200 });
    const { id } = await fixture.addDestination(receiver.url);
    await fixture.addAlert();
    const worker = fixture.startWorker();
    await expect.poll(() => receiver.received, SOON).toHaveLength(1);
    await worker.stop(50);
    expect(await fixture.deliveries(id)).toMatchObject([
      { status: 'pending', lastError: null, attempts: 1, attemptsBefore: 1 },
    ]);
    fixture.startWorker();
    await expect.poll(() => statuses(id), SOON).toEqual(['delivered']);
    expect(receiver.received[1]?.id).toBe(receiver.received[0]?.id);
  });
});
