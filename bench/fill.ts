import pg from 'pg';

/** When alert 0 was received, and the interval from each alert to the next. */
export const FIRST_RECEIVED = new Date('2026-01-01T00:00:00Z');
export const INTERVAL_MS = 5_000;

/**
 * Stores alerts `from` up to but not including `to`, with the data of long finished alerts: received at intervals of five
 * seconds, from 200 stores, all of them final and notified, every 200th failed with each code in turn. For measurements on
 * a large table. It locks the table for its duration: about a minute for five million rows. Throws PostgreSQL's error.
 */
export async function fillAlerts(url: string, { from, to }: { from: number; to: number }): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query("SET LOCAL maintenance_work_mem = '256MB'");
    await client.query('LOCK TABLE alerts');
    const indexes = await client.query<{ name: string; definition: string }>(
      `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = 'alerts' AND indexname <> 'alerts_pkey'`,
    );
    // Created again at the end: a sorted build takes a tenth of the time of single insertions.
    for (const { name } of indexes.rows) await client.query(`DROP INDEX ${pg.escapeIdentifier(name)}`);
    await client.query(FILL, [from, to, FIRST_RECEIVED, INTERVAL_MS]);
    for (const { definition } of indexes.rows) await client.query(definition);
    await client.query('COMMIT');
    await client.query('VACUUM ANALYZE alerts');
    // What is written to the disk later would delay the measurement.
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

/** Returns the uuid of stored alert number `index`. */
export function filledUuid(index: number): string {
  return `00000000-0000-4000-8000-${String((index * 7_919) % 1_000_000_007).padStart(12, '0')}`;
}

const FILL = `
  INSERT INTO alerts (uuid, video, store, timestamp, request_id, received_at, queued_at, started_at, processed_at,
    notified_at, updated_at, attempts, bytes_fetched, status, resolution, width, height, rotation, codec, container,
    duration, failure_code, failure_detail)
  SELECT ('00000000-0000-4000-8000-' || lpad(mixed::text, 12, '0'))::uuid, '/videos/camera-' || n % 1000 || '.mp4',
    'store-' || mixed % 200, extract(epoch FROM at), md5(n::text), at, at, at, at + interval '10 ms', at + interval '12 ms',
    at + interval '12 ms', 1, 16384, status, resolution, width, height, rotation, codec, container, duration, code, detail
  FROM generate_series($1::bigint, $2::bigint - 1) n,
    LATERAL (SELECT $3::timestamptz + n * $4 * interval '1 ms' AS at, n % 200 = 7 AS failed, n * 7919 % 1000000007 AS mixed) alert,
    LATERAL (SELECT
      (CASE WHEN failed THEN 'failed' ELSE 'processed' END)::alert_status AS status,
      CASE WHEN NOT failed THEN '1920x1080' END AS resolution, CASE WHEN NOT failed THEN 1920 END AS width,
      CASE WHEN NOT failed THEN 1080 END AS height, CASE WHEN NOT failed THEN 0 END AS rotation,
      CASE WHEN NOT failed THEN 'h264' END AS codec, CASE WHEN NOT failed THEN 'mp4' END AS container,
      CASE WHEN NOT failed THEN 12.5 END AS duration,
      CASE WHEN failed THEN (enum_range(NULL::failure_code))[1 + n / 200 % 10] END AS code,
      CASE WHEN failed THEN 'the video server answered 500' END AS detail) outcome`;
