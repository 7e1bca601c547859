import { createMicroBatcher } from '#async/micro-batch.ts';
import type { RunQuery } from './batched-statement.ts';
import type { Alert, Hold, Triage } from './generated/client.ts';
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

export type RelatedAlert = Alert & Related;

const PICTURE_COLUMNS = `
  status, pictures.reason, detail, width, height, picture_bytes::float8, encode(sha256, 'hex') AS sha256`;
const NO_PICTURE = 'NULL AS status';

const textOf = (pictures: boolean) => `
  SELECT wanted.id, holds.reason AS held_for, created_by_name, holds.created_at AS held_at, archived_alerts.alert_id IS NOT NULL AS archived,
    comment_count, acknowledged_at, acknowledged_by, assignee,
    ${pictures ? PICTURE_COLUMNS : NO_PICTURE}
  FROM unnest($1::bigint[]) AS wanted (id) LEFT JOIN holds ON holds.alert_id = wanted.id
    LEFT JOIN archived_alerts ON archived_alerts.alert_id = wanted.id
    LEFT JOIN alert_triage ON alert_triage.alert_id = wanted.id
  ${pictures ? 'LEFT JOIN pictures ON pictures.alert_id = wanted.id' : ''}`;

type Row = PictureRow & {
  id: string;
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
  const statement = { name: pictures ? 'related_find' : 'related_find_few', text: textOf(pictures) };
  const batcher = createMicroBatcher<bigint, Required<Related>>({
    async run(ids) {
      const rows = await runQuery<Row>({ ...statement, values: [[...new Set(ids)].map(String)] });
      const byId = new Map(rows.map((row) => [row.id, relatedOf(row)]));
      return ids.map((id) => byId.get(`${id}`) ?? NONE);
    },
    maxBatchSize: 500,
    concurrency: 2,
  });
  return {
    /** Returns what belongs to the alert with this id. */
    find: (alertId: bigint) => batcher.add(alertId),
    close: batcher.close,
  };
}

type Reads = { relatedReads: ReturnType<typeof openRelatedReads> };

function relatedOf({ id: _, held_for, created_by_name, held_at, archived, ...row }: Row): Required<Related> {
  const { comment_count, acknowledged_at, acknowledged_by, assignee, ...picture } = row;
  const triage = { acknowledgedAt: acknowledged_at, acknowledgedBy: acknowledged_by, assignee };
  return {
    picture: picture.status === null ? null : picture,
    hold: held_for === null ? null : { reason: held_for, createdBy: created_by_name, createdAt: held_at },
    triage: comment_count === null ? null : { ...triage, commentCount: comment_count },
    archived,
  };
}

/** Returns the alert with its picture, its hold, its triage, and whether it was archived. */
export async function withRelated(db: Reads, alert: Alert): Promise<RelatedAlert> {
  const { picture, ...others } = await db.relatedReads.find(alert.id);
  return alert.status === 'processed' ? { ...alert, picture, ...others } : { ...alert, ...others };
}

/** Returns the alerts with their pictures and holds. */
export function allWithRelated(db: Reads, alerts: Alert[]): Promise<RelatedAlert[]> {
  return Promise.all(alerts.map((alert) => withRelated(db, alert)));
}
