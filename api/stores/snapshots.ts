import type { StaleReads } from '#prisma/replica.ts';
import { countBuckets, type OverviewWindow, type StoreSummary, summarizeStores } from '#prisma/store-overview.ts';
import { PERIODS, type Period } from './schema.ts';

// Counting all stores uses at most a twentieth of the time.
const REFRESH_MS = 5_000;
const INTERVAL_PER_DURATION = 20;

type Buckets = { alerts: number[]; failed: number[] };

/** All stores in one period, counted at one time. */
export type Snapshot = OverviewWindow & {
  stores: StoreSummary[];
  countedFrom: Date | null;
  bucketSeconds: number;
  /** Returns the counts per part of the period, for each of these stores. Those of a store are read once. */
  bucketsOf(stores: readonly string[]): Promise<Buckets[]>;
};

/**
 * Returns a function that counts the alerts of all stores in a period, or returns what it counted some seconds before. It keeps
 * one snapshot per period. It throws DatabaseUnavailable.
 */
export function createSnapshots(read: StaleReads): (period: Period) => Promise<Snapshot> {
  const newest = new Map<Period, { snapshot: Promise<Snapshot>; expiresAt: number }>();
  return (period) => {
    const known = newest.get(period);
    if (known && known.expiresAt > performance.now()) return known.snapshot;
    const startedAt = performance.now();
    const entry = { snapshot: takeSnapshot(read, period), expiresAt: Number.POSITIVE_INFINITY };
    newest.set(period, entry);
    const onRead = () => {
      const now = performance.now();
      entry.expiresAt = now + Math.max(REFRESH_MS, (now - startedAt) * INTERVAL_PER_DURATION);
    };
    entry.snapshot.then(onRead, () => newest.delete(period));
    return entry.snapshot;
  };
}

async function takeSnapshot(read: StaleReads, period: Period): Promise<Snapshot> {
  const { seconds, buckets } = PERIODS[period];
  const now = Date.now();
  const [to, from, previousFrom] = [0, 1, 2].map((n) => new Date(now - n * seconds * 1_000)) as [Date, Date, Date]; // three
  const { stores, countedFrom } = await read((db) => summarizeStores(db, { previousFrom, from, to }));
  const bucketSeconds = seconds / buckets;
  const known = new Map<string, Buckets>();
  const readBuckets = async (wanted: readonly string[]) => {
    const counted = await read((db) => countBuckets(db, wanted, { from, to, seconds: bucketSeconds }));
    for (const store of wanted) known.set(store, noAlerts(buckets));
    for (const { store, bucket, alerts, failed } of counted) {
      const ofStore = known.get(store);
      if (ofStore === undefined || bucket >= buckets) continue;
      ofStore.alerts[bucket] = alerts;
      ofStore.failed[bucket] = failed;
    }
  };
  return {
    ...{ previousFrom, from, to, stores, countedFrom, bucketSeconds },
    async bucketsOf(wanted) {
      const missing = wanted.filter((store) => !known.has(store));
      if (missing.length > 0) await readBuckets(missing);
      return wanted.map((store) => known.get(store) ?? noAlerts(buckets));
    },
  };
}

function noAlerts(buckets: number): Buckets {
  return { alerts: Array<number>(buckets).fill(0), failed: Array<number>(buckets).fill(0) };
}
