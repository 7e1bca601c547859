import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addPending, claim, findAlert, recordResolution } from '../alerts.ts';
import { openDatabase } from '../client.ts';
import { deleteDestination, setEnabled } from '../destination-backlog.ts';
import { type NewDestination, updateDestination } from '../destinations.ts';
import { recordLate } from '../late-alerts.ts';
import { createMute, endMute, listMutes, type NewMute } from '../mutes.ts';
import { type AlertSnapshot, presentAlert } from '../present-alert.ts';
import { openDeliveryFixture, RESOLUTION } from './delivery-fixture.ts';

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
beforeEach(async () => {
  fixture = await openDeliveryFixture();
});
afterEach(() => fixture?.close());

const later = () => new Date(Date.now() + 3_600_000);

describe('recording a result', () => {
  it('without destinations inserts nothing', async () => {
    expect(await fixture.finish()).toMatchObject({ recorded: true, destinations: [] });
    expect(await fixture.db.delivery.count()).toBe(0);
  });

  it('inserts one delivery per destination, with the alert as it was then', async () => {
    const first = await fixture.destination();
    const second = await fixture.destination();
    const { uuid, destinations } = await fixture.finish({ failure: 'video_timeout' });
    expect(destinations.toSorted()).toEqual([first.id, second.id].toSorted());
    const deliveries = await fixture.deliveries({ uuid });
    expect(deliveries).toHaveLength(2);
    expect(deliveries[0]).toMatchObject({ event: 'alert.failed', store: 'store-1', failureCode: 'video_timeout' });
    expect(deliveries[0]).toMatchObject({ status: 'pending', attempts: 0, messageId: null });
    const alert = await findAlert(fixture.db, uuid);
    if (!alert) throw new Error('no alert');
    const snapshot = deliveries[0]?.snapshot as unknown as AlertSnapshot; // Prisma types JSON columns as any JSON
    expect(presentAlert(snapshot)).toEqual(presentAlert(alert));
  });

  it('finds a destination that was created after the first results', async () => {
    await fixture.finish();
    const { id } = await fixture.destination();
    expect((await fixture.finish()).destinations).toEqual([id]);
    expect(await deleteDestination(fixture.db, id, 60_000)).toBe(true);
    expect(await fixture.finish()).toMatchObject({ recorded: true, destinations: [] });
  });

  it('adds no second delivery when a retried alert ends in the same way, and one when it ends in another', async () => {
    const { id } = await fixture.destination();
    const { uuid } = await fixture.finish({ failure: 'video_timeout' });
    expect(await fixture.finish({ uuid, failure: 'video_not_found' })).toMatchObject({ destinations: [] });
    expect(await fixture.finish({ uuid })).toMatchObject({ destinations: [id] });
    const events = (await fixture.deliveries({ uuid })).map(({ event }) => event);
    expect(events).toEqual(['alert.failed', 'alert.processed']);
  });

  it('inserts one delivery for many concurrent results of one alert', async () => {
    const { id } = await fixture.destination();
    const uuid = randomUUID();
    await addPending(fixture.db, { uuid, video: '/a.mp4', store: 's', timestamp: 1, requestId: 'r' });
    await claim(fixture.db, uuid);
    const workers = Array.from({ length: 4 }, () => openDatabase(fixture.url, { poolSize: 1, onError: () => {} }));
    const results = await Promise.all(
      workers.map((db) => recordResolution(db, { uuid, claim: 1 }, RESOLUTION, 0)),
    ).finally(() => Promise.all(workers.map((db) => db.$disconnect())));
    expect(results.filter(({ recorded }) => recorded)).toMatchObject([
      { recorded: true, destinations: [id], muted: 0 },
    ]);
    expect(await fixture.deliveries({ uuid })).toHaveLength(1);
  });

  it('inserts the deliveries of a batch for each alert', async () => {
    const { id } = await fixture.destination({ filterStores: ['a'] });
    const finished = await Promise.all(['a', 'b', 'a', 'c'].map((store) => fixture.finish({ store })));
    expect(finished.map(({ destinations }) => destinations)).toEqual([[id], [], [id], []]);
  });

  it.each<[string, Partial<NewDestination>, boolean[]]>([
    ['stores', { filterStores: ['a', 'b'] }, [true, true, true, false, false]],
    ['events', { filterEvents: ['alert.failed'] }, [false, true, true, false, true]],
    ['failure codes, for failures only', { filterFailureCodes: ['video_timeout'] }, [true, true, false, true, false]],
    ['all of them', { filterStores: ['a'], filterEvents: ['alert.failed'] }, [false, true, false, false, false]],
  ])('applies the filter by %s', async (_, filter, expected) => {
    await fixture.destination(filter);
    const alerts = [
      { store: 'a' },
      { store: 'a', failure: 'video_timeout' },
      { store: 'b', failure: 'video_not_found' },
      { store: 'c' },
      { store: 'c', failure: 'video_not_found' },
    ] as const;
    const finished = [];
    for (const alert of alerts) finished.push((await fixture.finish(alert)).destinations.length === 1);
    expect(finished).toEqual(expected);
  });

  it('inserts deliveries for a disabled destination', async () => {
    const { id } = await fixture.destination({ enabled: false });
    await fixture.finish();
    expect(await fixture.deliveries({ destinationId: id })).toMatchObject([{ status: 'pending' }]);
    await setEnabled(fixture.db, id, true, { ratePerS: 20 });
    expect(await updateDestination(fixture.db, id, { filterStores: ['other'] })).toMatchObject({ enabled: true });
    expect((await fixture.finish()).destinations).toEqual([]);
  });

  it('waits for nothing while a destination is renamed or deleted, except for the end of that statement', async () => {
    const { id } = await fixture.destination();
    await fixture.finish();
    const other = new pg.Client({ connectionString: fixture.url });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('DELETE FROM destinations WHERE id = $1', [id]);
      const finished = fixture.finish();
      const waiting =
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      await expect.poll(async () => (await other.query(waiting)).rows[0].n, { timeout: 150_000 }).toBe(1);
      await other.query('COMMIT');
      // Not a violated foreign key.
      expect(await finished).toMatchObject({ recorded: true, destinations: [] });
    } finally {
      await other.end();
    }
  });
});

describe('a mute', () => {
  const mute = (changes: Partial<NewMute>) => {
    const fields = {
      store: null,
      failureCode: null,
      destinationId: null,
      reason: 'r',
      createdBy: 'key',
      endsAt: later(),
    };
    return createMute(fixture.db, { ...fields, ...changes });
  };
  const statuses = async (uuid: string) => (await fixture.deliveries({ uuid })).map(({ status }) => status).toSorted();

  it('of a store counts its deliveries instead of sending them, until it ends', async () => {
    await fixture.destination();
    await fixture.destination();
    const created = await mute({ store: 'store-1' });
    if (!created) throw new Error('no mute');
    const { uuid, ...recorded } = await fixture.finish();
    expect(recorded).toMatchObject({ destinations: [], muted: 2 });
    expect(await statuses(uuid)).toEqual(['muted', 'muted']);
    expect((await fixture.finish({ store: 'other' })).destinations).toHaveLength(2);
    expect((await fixture.finish({ store: 'other' })).muted).toBe(0);
    expect(await listMutes(fixture.db)).toMatchObject([
      { id: created.id, muted: 2, store: 'store-1', createdBy: 'key' },
    ]);
    expect(await endMute(fixture.db, created.id)).toBe(true);
    expect(await endMute(fixture.db, created.id)).toBe(false);
    expect(await listMutes(fixture.db)).toEqual([]);
    expect((await fixture.finish()).destinations).toHaveLength(2);
    expect(await statuses(uuid)).toEqual(['muted', 'muted']);
  });

  it('of a failure code and a destination leaves others alone', async () => {
    const { id } = await fixture.destination();
    const other = await fixture.destination();
    await mute({ failureCode: 'video_timeout', destinationId: id });
    expect((await fixture.finish()).destinations).toHaveLength(2);
    expect((await fixture.finish({ failure: 'video_timeout' })).destinations).toEqual([other.id]);
    expect((await fixture.finish({ failure: 'video_not_found' })).destinations).toHaveLength(2);
  });

  it('that has ended has no effect, and one of an unknown destination is not created', async () => {
    await fixture.destination();
    await mute({ store: 'store-1', endsAt: new Date(Date.now() - 1_000) });
    expect((await fixture.finish()).destinations).toHaveLength(1);
    expect(await mute({ store: 'store-1', destinationId: randomUUID() })).toBeNull();
  });
});

describe('recordLate', () => {
  const unfinished = async (store = 's') => {
    const uuid = randomUUID();
    await addPending(fixture.db, { uuid, video: '/a.mp4', store, timestamp: 1, requestId: 'r' });
    await fixture.db
      .$executeRaw`UPDATE alerts SET received_at = now() - interval '3 minutes' WHERE uuid = ${uuid}::uuid`;
    return uuid;
  };
  const scan = () => recordLate(fixture.db, { lateAfterMs: 120_000, limit: 100 });

  it('records each alert once, also with concurrent calls, and changes only its mark', async () => {
    const { id } = await fixture.destination();
    const uuid = await unfinished();
    const before = await findAlert(fixture.db, uuid);
    const results = await Promise.all(Array.from({ length: 5 }, scan));
    expect(results.flatMap(({ destinations }) => destinations)).toEqual([id]);
    expect(await scan()).toEqual({ destinations: [], muted: 0, after: undefined });
    expect(await fixture.deliveries({ uuid })).toMatchObject([{ event: 'alert.late', status: 'pending' }]);
    expect(await findAlert(fixture.db, uuid)).toEqual({ ...before, lateAt: expect.any(Date) });
  });

  it('does nothing unless a destination wants the event', async () => {
    const uuid = await unfinished();
    await fixture.destination({ filterEvents: ['alert.failed'] });
    expect(await scan()).toEqual({ destinations: [], muted: 0, after: undefined });
    expect(await findAlert(fixture.db, uuid)).toMatchObject({ lateAt: null });
    const { id } = await fixture.destination({ filterEvents: ['alert.late'] });
    expect((await scan()).destinations).toEqual([id]);
  });

  it('examines all alerts page by page', async () => {
    await fixture.destination();
    for (let n = 0; n < 5; n++) await unfinished();
    let after: Awaited<ReturnType<typeof recordLate>>['after'];
    const pages: number[] = [];
    do {
      const page = await recordLate(fixture.db, { lateAfterMs: 120_000, limit: 2, after });
      pages.push(page.destinations.length);
      after = page.after;
    } while (after);
    expect(pages).toEqual([1, 1, 1]);
    expect(await fixture.db.delivery.count()).toBe(5);
  });

  it('leaves alerts alone that are finished, or whose round of attempts began recently', async () => {
    await fixture.destination();
    await fixture.finish();
    const { uuid } = await fixture.finish({ failure: 'video_timeout' });
    await fixture.db.$executeRaw`UPDATE alerts SET received_at = now() - interval '1 day', status = 'pending',
      round_started_at = now(), notified_at = NULL WHERE uuid = ${uuid}::uuid`;
    expect((await scan()).destinations).toEqual([]);
  });
});
