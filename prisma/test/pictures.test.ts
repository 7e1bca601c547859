import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findAlert, type NewPicture } from '../alerts.ts';
import { openDatabase } from '../client.ts';
import { claimDeliveries } from '../deliveries.ts';
import { claimPicture, claimPictures, pendingPictures, pictureLater, pictureNone, pictureReady } from '../pictures.ts';
import { presentAlert } from '../present-alert.ts';
import { withRelated } from '../related-reads.ts';
import { openDeliveryFixture } from './delivery-fixture.ts';

let fixture: Awaited<ReturnType<typeof openDeliveryFixture>>;
beforeEach(async () => {
  fixture = await openDeliveryFixture();
});
afterEach(() => fixture?.close());

const PENDING: NewPicture = { status: 'pending' };
const MADE = { sha256: Buffer.alloc(32, 7), width: 640, height: 360, bytes: 9_000 };
const NO_DECODER = { reason: 'no_decoder', detail: 'there is no ffmpeg' };

async function processed(picture: NewPicture | undefined = PENDING) {
  const { uuid, pictureOf, ...recorded } = await fixture.finish({ picture });
  return { uuid, alertId: pictureOf ?? 0n, ...recorded };
}

/** Returns `picture` of the alert as the api shows it. */
async function shown(uuid: string) {
  const alert = await findAlert(fixture.db, uuid);
  if (!alert) throw new Error('no alert');
  return presentAlert(await withRelated(fixture.db, alert)).picture;
}

const age = () => fixture.db.$executeRaw`UPDATE pictures SET next_attempt_at = now() - interval '1 s'`;

describe('recording a result', () => {
  it('inserts a pending picture for a processed alert only', async () => {
    const { uuid, alertId } = await processed();
    expect(alertId).toBeGreaterThan(0n);
    expect(await shown(uuid)).toMatchObject({ status: 'pending', reason: null, width: null, picture_bytes: 0 });
    const failed = await fixture.finish({ failure: 'video_timeout', picture: PENDING });
    expect(failed.pictureOf).toBeUndefined();
    expect(await shown(failed.uuid)).toBeNull();
    expect(await fixture.db.picture.count()).toBe(1);
  });

  it('inserts the reason if there can be no picture', async () => {
    const { uuid, alertId } = await processed({ status: 'none', ...NO_DECODER });
    expect(alertId).toBe(0n);
    expect(await shown(uuid)).toMatchObject({ status: 'none', ...NO_DECODER });
    expect(await pendingPictures(fixture.db)).toEqual({ count: 0, oldestAt: null });
  });

  it('inserts a picture for an alert that failed, was retried and processed', async () => {
    const { uuid } = await fixture.finish({ failure: 'video_timeout', picture: PENDING });
    await fixture.finish({ uuid, picture: PENDING });
    expect(await shown(uuid)).toMatchObject({ status: 'pending' });
  });

  it('with destinations inserts both, and each destination gets the picture that the alert has when it is claimed', async () => {
    const { id } = await fixture.destination();
    const { uuid, alertId, destinations } = await processed();
    expect(destinations).toEqual([id]);
    await claimPicture(fixture.db, alertId, 60_000);
    await pictureReady(fixture.db, { alertId, attempts: 1 }, MADE, 512);
    const [delivery] = await claimDeliveries(fixture.db, { destinationId: id, limit: 1, leaseMs: 1_000 });
    expect(delivery?.snapshot).not.toHaveProperty('picture_status');
    const message = presentAlert(delivery?.snapshot ?? expect.unreachable());
    expect(message).toMatchObject({ uuid, picture: { status: 'ready', width: 640, height: 360, picture_bytes: 512 } });
    expect(message.picture).not.toHaveProperty('sha256');
    expect(delivery?.snapshot?.picture?.sha256).toBe('07'.repeat(32));
  });

  it('without pictures touches no picture in any statement', async () => {
    const query = vi.spyOn(pg.Client.prototype, 'query');
    try {
      const off = openDatabase(fixture.url, { poolSize: 2, onError: () => {}, pictures: false });
      const { uuid } = await fixture.finish();
      const alert = await findAlert(off, uuid);
      const { picture } = presentAlert(await withRelated(off, alert ?? expect.unreachable()));
      expect(picture).toMatchObject({ status: 'none', reason: 'disabled' });
      await off.$disconnect();
      const texts = query.mock.calls.map(([config]) => (typeof config === 'string' ? config : JSON.stringify(config)));
      expect(texts.some((text) => text.includes('alerts_finish'))).toBe(true);
      expect(texts.filter((text) => text.includes('pictures'))).toEqual([]);
    } finally {
      query.mockRestore();
    }
  });
});

describe('claiming', () => {
  it('is reserved for the worker that has read the video, for ten seconds', async () => {
    const { uuid, alertId } = await processed();
    expect(await claimPictures(fixture.db, { limit: 5, leaseMs: 60_000 })).toEqual([]);
    const [mine, other] = await Promise.all([1, 2].map(() => claimPicture(fixture.db, alertId, 60_000)));
    expect([mine, other].filter(Boolean)).toMatchObject([
      { alertId, attempts: 1, uuid, video: '/a.mp4', store: 'store-1', source: null, width: 2, codec: 'h264' },
    ]);
    expect(await claimPictures(fixture.db, { limit: 5, leaseMs: 60_000 })).toEqual([]);
  });

  it('of due pictures returns each to one of several workers', async () => {
    const alerts = await Promise.all(Array.from({ length: 12 }, () => processed()));
    await age();
    const claims = await Promise.all(
      Array.from({ length: 6 }, () => claimPictures(fixture.db, { limit: 3, leaseMs: 60_000 })),
    );
    const ids = claims.flat().map(({ alertId }) => alertId);
    expect(ids.toSorted()).toEqual(alerts.map(({ alertId }) => alertId).toSorted());
  });

  it('continues after the lease of a killed worker, whose result then changes nothing', async () => {
    const { uuid, alertId } = await processed();
    const first = await claimPicture(fixture.db, alertId, 60_000);
    await age();
    const [second] = await claimPictures(fixture.db, { limit: 1, leaseMs: 60_000 });
    if (!first || !second) throw new Error('not claimed');
    expect(second).toMatchObject({ attempts: 2, failures: 0, crashes: 2 });
    expect(await pictureReady(fixture.db, first, MADE, 1)).toMatchObject({ recorded: false });
    expect(await pictureNone(fixture.db, first, NO_DECODER, 1)).toMatchObject({ recorded: false });
    expect(await pictureLater(fixture.db, first, { delayMs: 0, failed: true }, 1)).toBe(false);
    expect(await shown(uuid)).toMatchObject({ status: 'pending', picture_bytes: 0 });
    expect(await pictureReady(fixture.db, second, MADE, 300)).toMatchObject({ recorded: true });
    expect(await shown(uuid)).toMatchObject({ status: 'ready', width: 640, picture_bytes: 300 });
    expect(await pictureNone(fixture.db, second, NO_DECODER, 1)).toMatchObject({ recorded: false });
  });
});

describe('the result of an attempt', () => {
  it('can be another attempt later, which adds its bytes', async () => {
    const { uuid, alertId } = await processed();
    const first = await claimPicture(fixture.db, alertId, 60_000);
    if (!first) throw new Error('not claimed');
    const late = { delayMs: 60_000, failed: true, reason: 'video_unavailable', detail: 'the server is down' };
    expect(await pictureLater(fixture.db, first, late, 100)).toBe(true);
    expect(await shown(uuid)).toMatchObject({ status: 'pending', reason: 'video_unavailable', picture_bytes: 100 });
    expect(await claimPictures(fixture.db, { limit: 1, leaseMs: 60_000 })).toEqual([]);
    expect(await pendingPictures(fixture.db)).toMatchObject({ count: 1, oldestAt: expect.any(Date) });
    await age();
    const [second] = await claimPictures(fixture.db, { limit: 1, leaseMs: 60_000 });
    if (!second) throw new Error('not claimed');
    expect([first, second].map(({ failures, crashes }) => ({ failures, crashes }))).toEqual([
      { failures: 0, crashes: 1 },
      { failures: 1, crashes: 1 },
    ]);
    await pictureNone(fixture.db, second, NO_DECODER, 20);
    expect(await shown(uuid)).toMatchObject({ status: 'none', ...NO_DECODER, picture_bytes: 120 });
  });

  it('is deleted with its alert', async () => {
    const { uuid } = await processed();
    await fixture.db.alert.delete({ where: { uuid } });
    expect(await fixture.db.picture.count()).toBe(0);
  });

  it('makes deliveries due that wait for it, and no others', async () => {
    const { id } = await fixture.destination({ waitForPicture: true });
    const other = await fixture.destination();
    const { alertId, destinations, waiting } = await processed();
    expect({ destinations, waiting }).toEqual({ destinations: [other.id], waiting: [id] });
    expect(await claimDeliveries(fixture.db, { destinationId: id, limit: 1, leaseMs: 1_000 })).toEqual([]);
    const claimed = await claimPicture(fixture.db, alertId, 60_000);
    const recorded = await pictureReady(fixture.db, claimed ?? expect.unreachable(), MADE, 0);
    expect(recorded).toEqual({ recorded: true, destinations: [id] });
    expect(await claimDeliveries(fixture.db, { destinationId: id, limit: 1, leaseMs: 1_000 })).toHaveLength(1);
  });

  it('is not waited for after a failure, or if there can be none', async () => {
    const { id } = await fixture.destination({ waitForPicture: true });
    expect(await fixture.finish({ failure: 'video_timeout', picture: PENDING })).toMatchObject({
      destinations: [id],
      waiting: [],
    });
    expect(await processed({ status: 'none', ...NO_DECODER })).toMatchObject({ destinations: [id], waiting: [] });
  });
});
