import { z } from 'zod';
import type { Database } from '#prisma/client.ts';
import { AlertStatus, FailureCode } from '#prisma/generated/enums.ts';
import {
  type AlertCount,
  type AlertMinute,
  countAlerts,
  MAX_COUNTED,
  minutesOf,
  type StatisticsFilter,
} from '#prisma/statistics.ts';
import { alertQuerySchema } from './schema.ts';

const MINUTE_MS = 60_000;
const MINUTES = 60;
const STORES_NAMED = 10;
// A page asks every few seconds; ten pages open at once shall cost what one costs.
const FRESH_MS = 2_000;
const MOST_KEPT = 100;

/** The query of GET /alerts/statistics. */
export const statisticsQuerySchema = alertQuerySchema.pick({ store: true, from: true, to: true });

const instant = z.iso.datetime();
const count = z.int().min(0);

export const statisticsSchema = z
  .strictObject({
    counted: count.meta({ description: `Alerts of the window, the newest received; at most ${MAX_COUNTED}.` }),
    complete: z.boolean().meta({ description: 'False where the window holds more than were counted.' }),
    counts: z.strictObject({ pending: count, processing: count, processed: count, failed: count }),
    oldest_open_at: instant
      .nullable()
      .meta({ description: 'Receipt of the longest waiting of those neither processed nor failed.' }),
    failures: z
      .array(
        z.strictObject({
          code: z.enum(FailureCode),
          count,
          newest_at: instant.meta({ description: 'Receipt of the newest.' }),
          stores: z
            .array(z.strictObject({ store: z.string(), count }))
            .meta({ description: 'Where most of them are.' }),
          other_stores: count.meta({ description: 'How many further stores have some.' }),
        }),
      )
      .meta({ description: 'The commonest first.' }),
    minutes: z
      .array(
        z.strictObject({
          at: instant.meta({ description: 'Its beginning.' }),
          received: count,
          processed: count.meta({ description: 'Of those received in it.' }),
          failed: count.meta({ description: 'Of those received in it.' }),
          p50_ms: z
            .number()
            .nullable()
            .meta({ description: 'From receipt to result, median; null while none has one.' }),
          p95_ms: z.number().nullable(),
        }),
      )
      .meta({ description: 'The last 60 minutes, whatever the window; the running one is the last.' }),
  })
  .meta({ id: 'Statistics' });

export type Statistics = z.infer<typeof statisticsSchema>;
export type StatisticsQuery = StatisticsFilter & { from?: Date | undefined; to?: Date | undefined };

/** Answers the same question asked again within 2 s, or meanwhile, with the same statistics. Throws DatabaseUnavailable. */
export function createStatistics(db: Database): (query: StatisticsQuery) => Promise<Statistics> {
  const kept = new Map<string, { until: number; answer: Promise<Statistics> }>();
  return (query) => {
    const key = JSON.stringify([query.store, query.stores, query.from, query.to]);
    const known = kept.get(key);
    if (known && known.until > performance.now()) return known.answer;
    const answer = ask(db, query);
    kept.delete(key);
    kept.set(key, { until: performance.now() + FRESH_MS, answer });
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    answer.catch(() => kept.delete(key));
    return answer;
  };
}

async function ask(db: Database, query: StatisticsQuery): Promise<Statistics> {
  const first = Math.floor(Date.now() / MINUTE_MS) - MINUTES + 1;
  const [groups, minutes] = await Promise.all([
    countAlerts(db, query, query),
    minutesOf(db, query, new Date(first * MINUTE_MS)),
  ]);
  const counts = { pending: 0, processing: 0, processed: 0, failed: 0 };
  for (const group of groups) counts[group.status] += group.count;
  const counted = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const open = groups.filter(({ status }) => status === AlertStatus.pending || status === AlertStatus.processing);
  const oldest = open.map((group) => group.oldest.getTime());
  return {
    counted,
    complete: counted < MAX_COUNTED,
    counts,
    oldest_open_at: oldest.length > 0 ? new Date(Math.min(...oldest)).toISOString() : null,
    failures: failuresOf(groups),
    minutes: everyMinute(first, minutes),
  };
}

function failuresOf(groups: AlertCount[]): Statistics['failures'] {
  const byCode = Map.groupBy(
    groups.filter(({ status }) => status === AlertStatus.failed),
    ({ failureCode }) => failureCode,
  );
  const failures = [...byCode].flatMap(([code, rows]) => {
    // The groups come by count: the first stores of a code are those with most.
    const stores = rows.flatMap(({ store, count }) => (store === null ? [] : [{ store, count }]));
    const failure = {
      count: rows.reduce((sum, row) => sum + row.count, 0),
      newest_at: new Date(Math.max(...rows.map(({ newest }) => newest.getTime()))).toISOString(),
      stores: stores.slice(0, STORES_NAMED),
      other_stores: Math.max(0, stores.length - STORES_NAMED),
    };
    return code === null ? [] : [{ code, ...failure }];
  });
  return failures.sort((a, b) => b.count - a.count);
}

function everyMinute(first: number, known: AlertMinute[]): Statistics['minutes'] {
  const byMinute = new Map(known.map((minute) => [minute.minute, minute]));
  return Array.from({ length: MINUTES }, (_, n) => {
    const { received = 0, processed = 0, failed = 0, p50 = null, p95 = null } = byMinute.get(first + n) ?? {};
    return {
      at: new Date((first + n) * MINUTE_MS).toISOString(),
      received,
      processed,
      failed,
      p50_ms: p50,
      p95_ms: p95,
    };
  });
}
