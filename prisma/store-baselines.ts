import type { Database } from './client.ts';
import type { StoreBaseline } from './generated/client.ts';

/** A store, or one of its cameras, in an hour. `camera` null: alerts that name none. */
export type AlertCount = { store: string; camera: string | null; count: number; lastAt: Date };

/**
 * Returns how many alerts each store and camera sent from `from` until before `to`, and when the last one was received. Reads
 * the alerts of this time only, in the index of their receipt.
 */
export async function countAlerts(db: Database, from: Date, to: Date): Promise<AlertCount[]> {
  return db.$queryRaw<AlertCount[]>`
    SELECT store, camera, count(*)::int AS count, max(received_at) AS "lastAt" FROM alerts
    WHERE received_at >= ${from}::timestamptz AND received_at < ${to}::timestamptz GROUP BY store, camera`;
}

/** Returns when the oldest alert was received; null: there is none. */
export async function oldestReceipt(db: Database): Promise<Date | null> {
  const [row] = await db.$queryRaw<{ at: Date }[]>`
    SELECT received_at AS at FROM alerts ORDER BY received_at, id LIMIT 1`;
  return row?.at ?? null;
}

/** `camera` empty: all alerts of the store. `rates`: 168 means, from Monday 00:00. */
export type BaselineRow = Omit<StoreBaseline, 'rates'> & { rates: number[] };

/** Returns the next `limit` baselines in the order of store and camera. */
export async function readBaselines(
  db: Database,
  { after, limit }: { after: Pick<BaselineRow, 'store' | 'camera'>; limit: number },
): Promise<BaselineRow[]> {
  return db.$queryRaw<BaselineRow[]>`
    SELECT store, camera, first_at AS "firstAt", last_alert_at AS "lastAlertAt", learned_until AS "learnedUntil", rates FROM store_baselines
    WHERE (store, camera) > (${after.store}, ${after.camera}) ORDER BY store, camera LIMIT ${limit}::int`;
}

/** Writes new baselines. Those that exist are replaced. */
export async function insertBaselines(db: Database, rows: readonly BaselineRow[]): Promise<void> {
  await db.$executeRaw`
    INSERT INTO store_baselines (store, camera, first_at, last_alert_at, learned_until, rates)
    SELECT store, camera, first_at, last_alert_at, learned_until, rates::real[] FROM unnest(
      ${rows.map(({ store }) => store)}::text[], ${rows.map(({ camera }) => camera)}::text[],
      ${rows.map(({ firstAt }) => firstAt)}::timestamptz[], ${rows.map(({ lastAlertAt }) => lastAlertAt)}::timestamptz[],
      ${rows.map(({ learnedUntil }) => learnedUntil)}::timestamptz[], ${rows.map(({ rates }) => `{${rates.join(',')}}`)}::text[])
      AS learned (store, camera, first_at, last_alert_at, learned_until, rates)
    ON CONFLICT (store, camera) DO UPDATE SET first_at = EXCLUDED.first_at, last_alert_at = EXCLUDED.last_alert_at,
      learned_until = EXCLUDED.learned_until, rates = EXCLUDED.rates`;
}

export type HourRate = Omit<BaselineRow, 'firstAt' | 'rates'> & { rate: number };

/** Writes the rates of one hour of the week (0 to 167) into existing baselines. */
export async function updateRates(db: Database, hourOfWeek: number, rows: readonly HourRate[]): Promise<void> {
  await db.$executeRaw`
    UPDATE store_baselines SET rates[${hourOfWeek + 1}::int] = learned.rate, last_alert_at = learned.last_alert_at,
      learned_until = learned.learned_until
    FROM unnest(${rows.map(({ store }) => store)}::text[], ${rows.map(({ camera }) => camera)}::text[],
      ${rows.map(({ rate }) => rate)}::real[], ${rows.map(({ lastAlertAt }) => lastAlertAt)}::timestamptz[],
      ${rows.map(({ learnedUntil }) => learnedUntil)}::timestamptz[])
      AS learned (store, camera, rate, last_alert_at, learned_until)
    WHERE store_baselines.store = learned.store AND store_baselines.camera = learned.camera`;
}

/** Deletes the baselines of stores and cameras that sent no alert since `before`. */
export async function deleteBaselines(db: Database, before: Date): Promise<void> {
  await db.$executeRaw`DELETE FROM store_baselines WHERE last_alert_at < ${before}::timestamptz`;
}

/** Returns the end of the last hour that was learned; null: none was. */
export async function readLearnedUntil(db: Database): Promise<Date | null> {
  const [row] = await db.$queryRaw<{ at: Date }[]>`SELECT learned_until AS at FROM silence_state`;
  return row?.at ?? null;
}

export async function writeLearnedUntil(db: Database, at: Date): Promise<void> {
  await db.$executeRaw`
    INSERT INTO silence_state (learned_until) VALUES (${at}::timestamptz)
    ON CONFLICT (id) DO UPDATE SET learned_until = EXCLUDED.learned_until
    WHERE silence_state.learned_until < EXCLUDED.learned_until`;
}
