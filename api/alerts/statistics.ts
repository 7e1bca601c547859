import { z } from 'zod';
import type { Database } from '#prisma/client.ts';
import { AlertStatus, FailureCode } from '#prisma/generated/enums.ts';
import type { StaleReads } from '#prisma/replica.ts';
import {
  type AlertCount,
  type AlertMinute,
  countAlerts,
  MAX_COUNTED,
  minutesOf,
  type StatisticsFilter,
} from '#prisma/statistics.ts';
import { alertQuerySchema } from './schema.ts';
import { readWaiting, type SourceOf, waitingSchema } from './waiting.ts';

const MINUTE_MS = 60_000;
const MINUTES = 60;
const MAX_STORES = 10;
// Each open page requests statistics every few seconds: ten open pages cost the database as much as one.
const CACHE_MS = 2_000;
const MAX_CACHED = 100;

/** The query of GET /alerts/statistics. */
export const statisticsQuerySchema = alertQuerySchema.pick({ store: true, from: true, to: true });

const instant = z.iso.datetime();
const count = z.int().min(0);

export const statisticsSchema = z
  .strictObject({
    counted: count.meta({ description: `Alerts in the time range: the latest ${MAX_COUNTED} at most.` }),
    complete: z.boolean().meta({ description: 'False if the time range contains more alerts than were counted.' }),
    counts: z.strictObject({ pending: count, processing: count, processed: count, failed: count }),
    oldest_open_at: instant.nullable().meta({
      description: 'When the oldest alert that is neither processed nor failed was received, or was retried.',
    }),
    failures: z
      .array(
        z.strictObject({
          code: z.enum(FailureCode),
          count,
          archived: count.meta({ description: 'Of them, those restored from the archive: they are never retried.' }),
          newest_at: instant.meta({ description: 'When the latest of them was received.' }),
          stores: z
            .array(z.strictObject({ store: z.string(), count }))
            .meta({ description: 'The stores with most of these failures.' }),
          other_stores: count.meta({ description: 'Number of other stores with such failures.' }),
        }),
      )
      .meta({ description: 'The most frequent first.' }),
    waiting: waitingSchema,
    minutes: z
      .array(
        z.strictObject({
          at: instant.meta({ description: 'Start of the minute.' }),
          received: count,
          processed: count.meta({ description: 'Of the alerts received in this minute.' }),
          failed: count.meta({ description: 'Of the alerts received in this minute.' }),
          p50_ms: z.number().nullable().meta({
            description: 'Median time from receipt, or from the last retry, to the result; null without results.',
          }),
          p95_ms: z.number().nullable(),
        }),
      )
      .meta({ description: 'The last 60 minutes, independent of the time range. The current minute is last.' }),
  })
  .meta({ id: 'Statistics' });

export type Statistics = z.infer<typeof statisticsSchema>;
export type StatisticsQuery = StatisticsFilter & { from?: Date | undefined; to?: Date | undefined };

/** Returns a function that reads statistics and caches them for 2 s per query. It throws DatabaseUnavailable. */
export function createStatistics(
  staleReads: StaleReads,
  sourceOf: SourceOf,
): (query: StatisticsQuery) => Promise<Statistics> {
  const cache = new Map<string, { expiresAt: number; statistics: Promise<Statistics> }>();
  return (query) => {
    const key = JSON.stringify([query.store, query.stores, query.from, query.to]);
    const cached = cache.get(key);
    if (cached && cached.expiresAt > performance.now()) return cached.statistics;
    const statistics = staleReads((db) => readStatistics(db, query, sourceOf));
    cache.delete(key); // so that the new entry is the last one
    cache.set(key, { expiresAt: performance.now() + CACHE_MS, statistics });
    const [oldest] = cache.keys();
    if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
    statistics.catch(() => cache.delete(key));
    return statistics;
  };
}

async function readStatistics(db: Database, query: StatisticsQuery, sourceOf: SourceOf): Promise<Statistics> {
  const firstMinute = Math.floor(Date.now() / MINUTE_MS) - MINUTES + 1;
  const [groups, minutes, waiting] = await Promise.all([
    countAlerts(db, query, query),
    minutesOf(db, query, new Date(firstMinute * MINUTE_MS)),
    readWaiting(db, sourceOf, query.stores),
  ]);
  const counts = { pending: 0, processing: 0, processed: 0, failed: 0 };
  for (const group of groups) counts[group.status] += group.count;
  const counted = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const unfinished = groups.filter(({ status }) => status === AlertStatus.pending || status === AlertStatus.processing);
  const oldest = unfinished.map((group) => group.oldest.getTime());
  return {
    counted,
    complete: counted < MAX_COUNTED,
    counts,
    oldest_open_at: oldest.length > 0 ? new Date(Math.min(...oldest)).toISOString() : null,
    failures: failuresOf(groups),
    waiting,
    minutes: fillMinutes(firstMinute, minutes),
  };
}

function failuresOf(groups: AlertCount[]): Statistics['failures'] {
  const byCode = Map.groupBy(
    groups.filter(({ status }) => status === AlertStatus.failed),
    ({ failureCode }) => failureCode,
  );
  const failures = [...byCode].flatMap(([code, rows]) => {
    // The groups are sorted by count, so the first stores of a code have most failures.
    const stores = rows.flatMap(({ store, count }) => (store === null ? [] : [{ store, count }]));
    const failure = {
      count: rows.reduce((sum, row) => sum + row.count, 0),
      archived: rows.reduce((sum, row) => sum + row.archived, 0),
      newest_at: new Date(Math.max(...rows.map(({ newest }) => newest.getTime()))).toISOString(),
      stores: stores.slice(0, MAX_STORES),
      other_stores: Math.max(0, stores.length - MAX_STORES),
    };
    return code === null ? [] : [{ code, ...failure }];
  });
  return failures.sort((a, b) => b.count - a.count);
}

/** Returns one entry per minute; minutes without alerts have counts of 0. */
function fillMinutes(firstMinute: number, known: AlertMinute[]): Statistics['minutes'] {
  const byMinute = new Map(known.map((minute) => [minute.minute, minute]));
  return Array.from({ length: MINUTES }, (_, n) => {
    const minute = firstMinute + n;
    const { received = 0, processed = 0, failed = 0, p50 = null, p95 = null } = byMinute.get(minute) ?? {};
    return { at: new Date(minute * MINUTE_MS).toISOString(), received, processed, failed, p50_ms: p50, p95_ms: p95 };
  });
}
