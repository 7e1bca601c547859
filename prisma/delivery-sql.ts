/** Columns of an alert that a delivery keeps as they were at the event. See present-alert.ts. */
const SNAPSHOT_COLUMNS = [
  ...[
    'uuid',
    'status',
    'video',
    'store',
    'camera',
    'source',
    'timestamp',
    'resolution',
    'width',
    'height',
    'rotation',
    'codec',
    'container',
  ],
  ...['duration', 'failure_code', 'failure_detail', 'attempts', 'bytes_fetched', 'last_error', 'last_error_at'],
  ...['next_attempt_at', 'received_at', 'round_started_at', 'started_at', 'processed_at', 'notified_at', 'late_at'],
];

/** What a statement that changes alerts must return for `insertDeliveries`. */
export const EVENT_COLUMNS = ['id', ...SNAPSHOT_COLUMNS].map((column) => `alerts.${column}`).join(', ');

/** Columns of `source` that are not of the alert, or not for its readers. */
const NOT_IN_SNAPSHOT = "'{id,picture_status,picture_reason,picture_detail}'::text[]";

/**
 * Returns a statement that inserts one delivery for each row of `source` (EVENT_COLUMNS) and each destination whose filter
 * matches, and returns those that are new. `event` is an expression on the row, named `changed`. `dueAt` is when the delivery
 * is due: an expression on the row and on the destination, named `target`.
 *
 * The destinations are locked, because one that is deleted at the same time would violate the foreign key, and no result
 * could be recorded.
 */
export function insertDeliveries(source: string, event: string, dueAt = 'now()'): string {
  return `
    INSERT INTO deliveries (destination_id, alert_id, event, store, failure_code, snapshot, next_attempt_at, status, mute_id)
    SELECT target.id, changed.id, ${event}, changed.store, changed.failure_code, to_jsonb(changed) - ${NOT_IN_SNAPSHOT}, ${dueAt},
      (CASE WHEN mute.id IS NULL THEN 'pending' ELSE 'muted' END)::delivery_status, mute.id
    FROM (SELECT id, wait_for_picture, filter_stores, filter_events, filter_failure_codes FROM destinations FOR KEY SHARE) target
    JOIN ${source} changed ON (filter_stores = '{}' OR changed.store = ANY (filter_stores))
      AND (filter_events = '{}' OR ${event} = ANY (filter_events))
      AND (filter_failure_codes = '{}' OR ${event} <> 'alert.failed' OR changed.failure_code = ANY (filter_failure_codes))
    LEFT JOIN LATERAL (
      SELECT id FROM mutes WHERE ends_at > now() AND (mutes.store IS NULL OR mutes.store = changed.store)
        AND (mutes.failure_code IS NULL OR mutes.failure_code = changed.failure_code)
        AND (mutes.destination_id IS NULL OR mutes.destination_id = target.id)
      ORDER BY ends_at DESC, id LIMIT 1) mute ON true
    ON CONFLICT (alert_id, destination_id, event) DO NOTHING
    RETURNING alert_id, destination_id, status, created_at, next_attempt_at`;
}
