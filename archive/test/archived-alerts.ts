import { onTestFinished } from 'vitest';
import type { ObjectStore } from '#media/objects.ts';
import { markNotified } from '#prisma/alerts.ts';
import { deleteFinished } from '#prisma/delete-alerts.ts';
import { openDeliveryFixture } from '#prisma/test/delivery-fixture.ts';
import { openArchiver } from '../archiver.ts';

export type Archive = { store: ObjectStore; env: { ARCHIVE_URL: string; SOURCES_FILE?: string } };
export type Fixture = Awaited<ReturnType<typeof openDeliveryFixture>>;

/** Opens a new database. */
export async function openFixture(): Promise<Fixture> {
  const fixture = await openDeliveryFixture();
  onTestFinished(fixture.close);
  return fixture;
}

/** Finishes alerts of two stores: three processed, and one that failed in two rounds. */
export async function finishAlerts(fixture: Fixture): Promise<string[]> {
  await fixture.destination();
  const processed = ['store-1', 'store-1', 'store-2'].map((store) =>
    fixture.finish({ store, picture: { status: 'pending' } }),
  );
  const all = await Promise.all(processed);
  const { uuid } = await fixture.finish({ failure: 'video_not_found' });
  all.push(await fixture.finish({ uuid, failure: 'video_timeout' }));
  for (const { lease } of all) await markNotified(fixture.db, lease);
  await fixture.db.delivery.updateMany({ data: { status: 'delivered', deliveredAt: new Date(), attempts: 1 } });
  return all.map((each) => each.uuid);
}

/** Archives all alerts and deletes those that the archive has. */
export async function archiveAll({ db }: Pick<Fixture, 'db'>, { store, env }: Archive) {
  const archiver = openArchiver({ db, store, url: env.ARCHIVE_URL });
  const due = await db.alert.findMany({ select: { id: true, updatedAt: true } });
  const confirmed = await archiver.archive(due);
  const { uuids } = await deleteFinished(db, confirmed);
  return { due, confirmed, uuids };
}
