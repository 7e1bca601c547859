import { z } from 'zod';
import { searchText } from '../alerts/schema.ts';
import { pageLimit } from '../http/query-fields.ts';

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;

/** The periods, and into how many parts each one is divided. */
export const PERIODS = {
  '1h': { seconds: HOUR_S, buckets: 12 },
  '24h': { seconds: 24 * HOUR_S, buckets: 24 },
  '7d': { seconds: 7 * 24 * HOUR_S, buckets: 28 },
} as const;
export type Period = keyof typeof PERIODS;

export const SORTS = [
  ...(['problems', 'store', 'alerts', 'failed', 'failure_rate'] as const),
  ...(['trend', 'late', 'last_alert_at'] as const),
] as const;
export type Sort = (typeof SORTS)[number];
export const ORDERS = ['asc', 'desc'] as const;
export type Order = (typeof ORDERS)[number];

/** The query of GET /stores. */
export const storeOverviewQuerySchema = z.strictObject({
  period: z.enum(Object.keys(PERIODS) as [Period, ...Period[]]).default('24h'), // the keys of a literal
  q: searchText.optional().meta({ description: 'Part of the name of the store, in upper or lower case.' }),
  sort: z
    .enum(SORTS)
    .default('problems')
    .meta({
      description:
        '`problems`: by the number of failures, then the failure rate, then the time since the last alert. `trend`: by how ' +
        'much the number of failures has grown.',
    }),
  order: z
    .enum(ORDERS)
    .optional()
    .meta({ description: 'Default: `asc` for `store`, otherwise `desc`. `problems`, `desc`: most problems first.' }),
  limit: pageLimit(50),
  cursor: z.string().max(1_024).optional(),
});

const count = z.int().min(0);
const rate = z.number().min(0).max(1).nullable();
const instant = z.iso.datetime();

const storeOverviewSchema = z.strictObject({
  store: z.string(),
  alerts: count.meta({ description: 'Received in the period.' }),
  failed: count.meta({ description: 'Of these.' }),
  failure_rate: rate.meta({ description: '`failed` of `alerts`, from 0 to 1; null without alerts.' }),
  unfinished: count.meta({ description: 'Neither processed nor failed now, whenever they were received.' }),
  late: count.meta({ description: 'Of these, after a failed attempt or after LATE_AFTER, as `late` of an alert.' }),
  last_alert_at: instant.meta({ description: 'When the newest alert was received, in the period or before.' }),
  silent_since: instant.nullable().meta({ description: 'Since when it is reported as silent; null: it is not.' }),
  previous: z
    .strictObject({ alerts: count, failed: count, failure_rate: rate })
    .meta({ description: 'The same of the period before, which is as long.' }),
  buckets: z
    .strictObject({ alerts: z.array(count), failed: z.array(count) })
    .meta({ description: 'The same for each `bucket_seconds` of the period, oldest first.' }),
});

/** One store in the overview. */
export type StoreOverview = z.output<typeof storeOverviewSchema>;

export const storePageSchema = z
  .strictObject({
    data: z.array(storeOverviewSchema),
    next_cursor: z.string().nullable(),
    total: count.meta({ description: 'Stores whose name contains `q`, those of other pages included.' }),
    from: instant.meta({ description: 'Start of the period.' }),
    to: instant.meta({ description: 'When the alerts were counted: end of the period.' }),
    bucket_seconds: count,
    counted_from: instant.nullable().meta({
      description:
        'Alerts that were received before this time were not counted, because there are too many newer ones; null: all were.',
    }),
  })
  .meta({ id: 'StorePage' });

export type StorePage = z.output<typeof storePageSchema>;
