import type { Database } from './client.ts';
import type { Candidate } from './delete-alerts.ts';
import { Prisma } from './generated/client.ts';

/**
 * An alert as the archive keeps it. `day`: of the receipt, in UTC. `line`: JSON without line breaks that begins with {"uuid":"…".
 * `restored`: the row came from the archive, which has it already.
 */
type ArchiveRecord = Candidate & { uuid: string; day: string; store: string; line: string; restored: boolean };

/** Of the lines. */
const VERSION = 1;

/** Returns those of the alerts that were not changed since, with their rounds, outcomes of deliveries, pictures, triage and comments. */
export async function readArchiveRecords(db: Database, candidates: readonly Candidate[]): Promise<ArchiveRecord[]> {
  const ids = candidates.map(({ id }) => id);
  const times = candidates.map(({ updatedAt }) => updatedAt.toISOString());
  return db.$queryRaw<ArchiveRecord[]>`
    SELECT alerts.id, alerts.updated_at AS "updatedAt", uuid::text, store, archived.alert_id IS NOT NULL AS restored,
      to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
      json_build_object(
        'uuid', uuid, 'version', ${VERSION}::int, 'alert', to_jsonb(alerts) - '{id,change_xid}'::text[],
        'rounds', (SELECT COALESCE(json_agg(to_jsonb(rounds) - 'alert_id' ORDER BY attempts), '[]') FROM alert_rounds rounds
          WHERE rounds.alert_id = alerts.id),
        'deliveries', (SELECT COALESCE(json_agg(json_build_object(
            'id', sent.id, 'destination', name, 'kind', kind, 'event', event, 'status', sent.status, 'attempts', attempts,
            'response_status', response_status, 'last_error', sent.last_error, 'created_at', sent.created_at,
            'delivered_at', delivered_at) ORDER BY sent.created_at, sent.id), '[]')
          FROM deliveries sent JOIN destinations ON destinations.id = destination_id WHERE sent.alert_id = alerts.id),
        'picture', (SELECT json_build_object('status', status, 'reason', reason, 'detail', detail, 'sha256',
            encode(sha256, 'hex'), 'width', width, 'height', height, 'bytes', bytes)
          FROM pictures WHERE pictures.alert_id = alerts.id),
        'triage', (SELECT to_jsonb(triage) - 'alert_id' FROM alert_triage triage WHERE triage.alert_id = alerts.id),
        'comments', (SELECT COALESCE(json_agg(to_jsonb(comments) - 'alert_id' ORDER BY number), '[]')
          FROM alert_comments comments WHERE comments.alert_id = alerts.id))::text AS line
    FROM alerts JOIN unnest(${ids}::bigint[], ${times}::timestamptz[]) AS candidate (id, updated_at)
      ON alerts.id = candidate.id AND alerts.updated_at = candidate.updated_at
    LEFT JOIN archived_alerts archived ON archived.alert_id = alerts.id
    ORDER BY received_at, alerts.id`;
}

/** Set by the restore, or by the sequence. */
const NOT_RESTORED = new Set(['id', 'change_xid']);

/**
 * Inserts alerts that `readArchiveRecords` has returned as lines, and returns their number. Those whose uuid exists are skipped.
 * Columns that a line does not have, because an earlier version wrote it, get their defaults. `from`: the path of the file.
 *
 * Their position in the event stream is before that of all readers: they appear in no stream.
 */
export async function restoreRecords(db: Database, lines: readonly string[], from: string): Promise<number> {
  const columns = await columnsOfAlerts(db);
  let restored = 0;
  for (const [names, group] of groupByColumns(lines, columns))
    restored += await insertRecords(db, { names, lines: group, from });
  return restored;
}

async function columnsOfAlerts(db: Database): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ name: string }[]>`
    SELECT attname AS name FROM pg_attribute
    WHERE attrelid = 'alerts'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`;
  return new Set(rows.map(({ name }) => name).filter((name) => !NOT_RESTORED.has(name)));
}

/** Returns the lines by the columns that they have, as a list for SQL. */
function groupByColumns(lines: readonly string[], columns: ReadonlySet<string>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const line of lines) {
    // Written by readArchiveRecords, and compared with the SHA-256 of the manifest.
    const { alert } = JSON.parse(line) as { alert: Record<string, unknown> };
    const names = Object.keys(alert).filter((name) => columns.has(name));
    const key = names.map((name) => `"${name}"`).join(', ');
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return groups;
}

async function insertRecords(
  db: Database,
  { names, lines, from }: { names: string; lines: readonly string[]; from: string },
): Promise<number> {
  const columns = Prisma.raw(names);
  const [row] = await db.$queryRaw<{ restored: number }[]>`
    WITH records AS MATERIALIZED (SELECT line::jsonb AS record FROM unnest(${lines}::text[]) line),
    inserted AS (
      INSERT INTO alerts (${columns}, change_xid)
      SELECT ${columns}, '1'::xid8 FROM records, jsonb_populate_record(NULL::alerts, record -> 'alert')
      -- An unfinished row would be processed. None is archived.
      WHERE status IN ('processed', 'failed') AND notified_at IS NOT NULL ORDER BY received_at
      ON CONFLICT (uuid) DO NOTHING RETURNING id, uuid, status),
    marked AS (INSERT INTO archived_alerts (alert_id, restored_from) SELECT id, ${from} FROM inserted),
    rounds AS (
      INSERT INTO alert_rounds (alert_id, attempts, started_at, ended_at, failure_code, failure_detail)
      SELECT inserted.id, attempts, started_at, ended_at, failure_code, failure_detail
      FROM records JOIN inserted ON inserted.uuid = (record ->> 'uuid')::uuid,
        jsonb_populate_recordset(NULL::alert_rounds, record -> 'rounds')),
    triaged AS (
      INSERT INTO alert_triage (alert_id, acknowledged_at, acknowledged_by, assignee, comment_count, updated_at)
      SELECT inserted.id, acknowledged_at, acknowledged_by, assignee, comment_count, triage.updated_at
      FROM records JOIN inserted ON inserted.uuid = (record ->> 'uuid')::uuid,
        jsonb_populate_recordset(NULL::alert_triage, jsonb_path_query_array(record, '$.triage ? (@ != null)')) triage),
    commented AS (
      INSERT INTO alert_comments (alert_id, number, text, author, created_at)
      SELECT inserted.id, number, text, author, created_at
      FROM records JOIN inserted ON inserted.uuid = (record ->> 'uuid')::uuid,
        jsonb_populate_recordset(NULL::alert_comments, jsonb_path_query_array(record, '$.comments[*]'))),
    pictured AS (
      INSERT INTO pictures (alert_id, status, reason, detail, finished_at)
      SELECT id, 'none', 'not_archived', ${NO_PICTURE}, now() FROM inserted WHERE status = 'processed')
    SELECT count(*)::int AS restored FROM inserted`;
  return row?.restored ?? 0;
}

/** The text of PICTURE_REASONS.not_archived. */
const NO_PICTURE = 'It was deleted with the alert, which was restored from the archive.';

/** The last manifest of an archive. */
type Head = { number: number; sha256: string };

/** Returns the last manifest that was written to the archive at this URL; undefined if none is known. */
export async function readArchiveHead(db: Database, url: string): Promise<Head | undefined> {
  const [head] = await db.$queryRaw<Head[]>`
    SELECT number, encode(sha256, 'hex') AS sha256 FROM archive_heads WHERE url = ${url}`;
  return head;
}

/** Records the last manifest, unless a later one is known. */
export async function saveArchiveHead(db: Database, url: string, { number, sha256 }: Head): Promise<void> {
  await db.$executeRaw`
    INSERT INTO archive_heads AS known (url, number, sha256) VALUES (${url}, ${number}::int, decode(${sha256}, 'hex'))
    ON CONFLICT (url) DO UPDATE SET number = excluded.number, sha256 = excluded.sha256, updated_at = now()
    WHERE known.number < excluded.number`;
}
