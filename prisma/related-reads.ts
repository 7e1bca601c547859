import { createMicroBatcher } from '#async/micro-batch.ts';
import type { ShownAlert } from './alert-columns.ts';
import type { RunQuery } from './batched-statement.ts';
import type { Hold, Triage } from './generated/client.ts';
import type { PictureRow } from './picture-row.ts';

/** The columns of a hold. `createdBy`: the name of the API key. */
export type HoldRow = Pick<Hold, 'reason' | 'createdAt'> & { createdBy: string };

export type TriageRow = Pick<Triage, 'acknowledgedAt' | 'acknowledgedBy' | 'assignee' | 'commentCount'>;

/** What other tables have of an alert; null: nothing. Undefined: not read, because only processed alerts have a picture. */
type Related = {
  picture?: PictureRow | null;
  hold?: HoldRow | null;
  triage?: TriageRow | null;
  /** Whether it was restored from the archive. */
  archived?: boolean;
};

export type RelatedAlert = ShownAlert & Related;

/** The tables behind these fields. Each has at most one row of an alert. The version of an alert covers all of them. */
const TABLES: Record<keyof Related, string> = {
  picture: 'pictures',
  hold: 'holds',
  triage: 'alert_triage',
  archived: 'archived_alerts',
};

const PICTURE_COLUMNS = `
  pictures.status AS picture_status, pictures.reason AS picture_reason, pictures.detail AS picture_detail,
  pictures.width AS picture_width, pictures.height AS picture_height, picture_bytes::float8, encode(sha256, 'hex') AS sha256`;

/** Returns the parts of a SELECT that reads these tables. `pictures` false: those of pictures are not read. */
export function relatedSql({ pictures }: { pictures: boolean }) {
  const { picture, ...others } = TABLES;
  const tables = Object.values(pictures ? TABLES : others);
  const xmins = tables.map((table) => `COALESCE(${table}.xmin::text, '-')`).join(', ');
  return {
    exists: tables.map((table) => `${table}.alert_id IS NOT NULL`).join(' OR '),
    columns: `holds.reason AS held_for, created_by_name, holds.created_at AS held_at,
      archived_alerts.alert_id IS NOT NULL AS archived,
      comment_count, acknowledged_at, acknowledged_by, assignee, ${pictures ? PICTURE_COLUMNS : 'NULL AS picture_status'}`,
    /** Returns the joins. `alertId`: an expression. */
    joins: (alertId: string) => tables.map((table) => `LEFT JOIN ${table} ON ${table}.alert_id = ${alertId}`).join(' '),
    /**
     * The version of an alert, which is another one after every change of its rows by any process: PostgreSQL writes each
     * version of a row with the number of its transaction, `xmin`. Needs `alerts`.
     */
    version: `concat_ws(' ', alerts.id, alerts.xmin, ${xmins})`,
  };
}

export type RelatedRow = {
  picture_status: PictureRow['status'] | null;
  picture_reason: PictureRow['reason'];
  picture_detail: PictureRow['detail'];
  picture_width: PictureRow['width'];
  picture_height: PictureRow['height'];
  picture_bytes: number;
  sha256: string | null;
  held_for: string | null;
  created_by_name: string;
  held_at: Date;
  archived: boolean;
  comment_count: number | null;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
  assignee: string | null;
};

const NONE: Required<Related> = { picture: null, hold: null, triage: null, archived: false };

/** Returns the reads. Those requested at the same time share one statement. `pictures` false: none are read. */
export function openRelatedReads(runQuery: RunQuery, { pictures }: { pictures: boolean }) {
  const { columns, joins, exists } = relatedSql({ pictures });
  const statement = {
    name: pictures ? 'related_find' : 'related_find_few',
    text: `SELECT wanted.id, ${columns} FROM unnest($1::bigint[]) AS wanted (id) ${joins('wanted.id')} WHERE ${exists}`,
  };
  const batcher = createMicroBatcher<readonly bigint[], Map<bigint, Required<Related>>>({
    async run(batch) {
      const rows = await runQuery<RelatedRow & { id: bigint }>({
        ...statement,
        values: [[...new Set(batch.flat())].map(String)],
      });
      const byId = new Map(rows.map((row) => [row.id, relatedOf(row)]));
      return batch.map(() => byId);
    },
    maxBatchSize: 100,
    concurrency: 2,
  });
  return {
    /** Returns what belongs to the alerts with these ids, and perhaps to others. */
    find: (...alertIds: bigint[]) => batcher.add(alertIds),
    close: batcher.close,
  };
}

type Reads = { relatedReads: ReturnType<typeof openRelatedReads> };

function relatedOf(row: RelatedRow): Required<Related> {
  return {
    picture: pictureOf(row),
    hold:
      row.held_for === null ? null : { reason: row.held_for, createdBy: row.created_by_name, createdAt: row.held_at },
    triage: triageOf(row),
    archived: row.archived,
  };
}

function triageOf(row: RelatedRow): TriageRow | null {
  if (row.comment_count === null) return null;
  return {
    acknowledgedAt: row.acknowledged_at,
    acknowledgedBy: row.acknowledged_by,
    assignee: row.assignee,
    commentCount: row.comment_count,
  };
}

function pictureOf(row: RelatedRow): PictureRow | null {
  if (row.picture_status === null) return null;
  return {
    status: row.picture_status,
    reason: row.picture_reason,
    detail: row.picture_detail,
    width: row.picture_width,
    height: row.picture_height,
    picture_bytes: row.picture_bytes,
    sha256: row.sha256,
  };
}

/** Returns the alert with its picture, its hold, its triage, and whether it was archived. */
export async function withRelated(db: Reads, alert: ShownAlert): Promise<RelatedAlert> {
  return relate(alert, (await db.relatedReads.find(alert.id)).get(alert.id));
}

/** Returns the alert with what the row has of the other tables. */
export function relateRow(row: ShownAlert & RelatedRow): RelatedAlert {
  return relate(row, relatedOf(row));
}

function relate(alert: ShownAlert, { picture, ...others }: Required<Related> = NONE): RelatedAlert {
  return alert.status === 'processed' ? { ...alert, picture, ...others } : { ...alert, ...others };
}

/** Returns the alerts with their pictures and holds. */
export async function allWithRelated(db: Reads, alerts: ShownAlert[]): Promise<RelatedAlert[]> {
  const related = await db.relatedReads.find(...alerts.map(({ id }) => id));
  return alerts.map((alert) => relate(alert, related.get(alert.id)));
}
