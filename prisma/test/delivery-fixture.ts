import { randomUUID } from 'node:crypto';
import { createTestDatabase } from '#test/harness/test-database.ts';
import { addPending, claim, type NewPicture, recordFailure, recordResolution, retryFailed } from '../alerts.ts';
import { type Database, openDatabase } from '../client.ts';
import { createDestination, type NewDestination } from '../destinations.ts';
import type { Delivery } from '../generated/client.ts';
import type { FailureCode } from '../generated/enums.ts';

export const RESOLUTION = {
  ...{ resolution: '2x1', width: 2, height: 1, rotation: 0, codec: 'h264', container: 'mp4', duration: 1.5 },
};

/** Opens a new database with ways to create destinations and to finish alerts. */
export async function openDeliveryFixture() {
  const database = await createTestDatabase();
  const db = openDatabase(database.url, { poolSize: 6, onError: () => {} });
  return {
    db,
    url: database.url,
    async close() {
      await db.$disconnect();
      await database.drop();
    },
    destination: (fields: Partial<NewDestination> = {}) => addDestination(db, fields),
    finish: (options: Finish = {}) => finish(db, options),
    /** Returns the deliveries of an alert or a destination, oldest first. */
    deliveries: (where: { destinationId?: string; uuid?: string }) => deliveriesOf(db, where),
    /** Moves the times of deliveries into the past. */
    age: (destinationId: string, seconds: number) => db.$executeRaw`
      UPDATE deliveries SET created_at = created_at - make_interval(secs => ${seconds}::float8),
        next_attempt_at = next_attempt_at - make_interval(secs => ${seconds}::float8)
      WHERE destination_id = ${destinationId}::uuid`,
  };
}

type Finish = { uuid?: string; store?: string; failure?: FailureCode; picture?: NewPicture | undefined };

function addDestination(db: Database, fields: Partial<NewDestination>) {
  const all = { filterStores: [], filterEvents: [], filterFailureCodes: [] };
  return createDestination(db, { name: randomUUID(), kind: 'webhook', config: {}, ...all, ...fields });
}

/** Receives, claims and finishes an alert, or retries and finishes the one with this uuid. */
export async function finish(db: Database, { uuid = randomUUID(), store = 'store-1', failure, picture }: Finish) {
  await addPending(db, { uuid, video: '/a.mp4', store, camera: 'entrance', timestamp: 1.25, requestId: 'r' });
  await retryFailed(db, [uuid]);
  const claimed = await claim(db, uuid);
  if (claimed.kind !== 'claimed') throw new Error(`the alert is ${claimed.kind}`);
  const lease = { uuid, claim: claimed.alert.claims };
  const recorded = failure
    ? await recordFailure(db, lease, { code: failure, detail: 'why' }, 7)
    : await recordResolution(db, lease, RESOLUTION, 7, picture);
  return { uuid, lease, ...recorded };
}

function deliveriesOf(db: Database, where: { destinationId?: string; uuid?: string }): Promise<Delivery[]> {
  const { destinationId, uuid } = where;
  return db.delivery.findMany({
    where: { ...(destinationId ? { destinationId } : {}), ...(uuid ? { alert: { uuid } } : {}) },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
}
