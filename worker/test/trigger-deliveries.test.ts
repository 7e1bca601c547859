import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTrigger } from '../deliveries/trigger.ts';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startTestWorker({ maxAttempts: 1 });
});
afterAll(() => worker.close());
beforeEach(async () => {
  worker.reset();
  await worker.db.destination.deleteMany();
});

const addDestination = (name: string, filterEvents: string[] = []) =>
  worker.db.destination.create({ data: { name, kind: 'webhook', config: {}, filterEvents } });

describe('a recorded result', () => {
  it('triggers nothing without destinations', async () => {
    await worker.handle((await worker.add('/right/h264.mp4')).uuid);
    expect(worker.triggered).toEqual([]);
  });

  it('triggers each destination that gets a delivery, and no other', async () => {
    const { id } = await addDestination('all');
    const { id: failures } = await addDestination('failures', ['alert.failed']);
    await worker.handle((await worker.add('/right/h264.mp4')).uuid);
    expect(worker.triggered).toEqual([id]);
    await worker.handle((await worker.add('/right/missing.mp4')).uuid);
    expect(worker.triggered.slice(1).toSorted()).toEqual([id, failures].toSorted());
  });

  it('counts its muted deliveries, and triggers none of them', async () => {
    const { id } = await addDestination('muted');
    const { id: other } = await addDestination('other');
    const mute = { destinationId: id, store: 'test-store', reason: 'works', createdBy: 'test' };
    await worker.db.mute.create({ data: { ...mute, endsAt: new Date(Date.now() + 3_600_000) } });
    const { uuid } = await worker.add('/right/h264.mp4');
    await worker.handle(uuid);
    await worker.handle((await worker.add('/right/missing.mp4')).uuid);
    expect(worker.triggered).toEqual([other, other]);
    expect(worker.muted).toBe(2);
    await worker.handle(uuid);
    expect(worker.muted).toBe(2);
  });

  it('has its deliveries even if the notification fails', async () => {
    const { id } = await addDestination('all');
    worker.failNotifying = new Error('stdout is closed');
    await expect(worker.handle((await worker.add('/right/h264.mp4')).uuid)).rejects.toThrow();
    expect(worker.triggered).toEqual([id]);
    expect(await worker.db.delivery.count({ where: { destinationId: id } })).toBe(1);
  });
});

it('logs an outage of the queue once, and does not throw', async () => {
  const logged: string[] = [];
  const log = pino({}, { write: (line: string) => logged.push(JSON.parse(line).msg) });
  let available = false;
  const trigger = createTrigger(
    { trigger: () => (available ? Promise.resolve() : Promise.reject(new Error('down'))) },
    log,
  );
  for (const expected of [1, 1, 1]) {
    trigger(['a', 'b']);
    await expect.poll(() => logged).toHaveLength(expected);
  }
  available = true;
  trigger(['a']);
  await new Promise(setImmediate);
  available = false;
  trigger(['a']);
  await expect.poll(() => logged).toHaveLength(2);
});
