import { type Keyed, type RunQuery, runStatement, type Statement, unestimated } from './batched-statement.ts';
import { EVENT_COLUMNS, insertDeliveries } from './delivery-sql.ts';
import type { Alert } from './generated/client.ts';
import { HAND_OVER_S, WAIT_S } from './picture-times.ts';

/**
 * The right to write the result of one attempt. `claim` is the number of its claim, the fencing token: a later claim has a
 * higher one and so ends this right. No number is ever used twice, unlike that of an attempt, which a refund gives back.
 */
export type Lease = { uuid: string; claim: number };

export type Resolution = Pick<
  Alert,
  'resolution' | 'width' | 'height' | 'rotation' | 'codec' | 'container' | 'duration'
>;

/** The row of a picture to insert with a result: pending, or why there is none. */
export type NewPicture = { status: 'pending' } | { status: 'none'; reason: string; detail: string };

export type Result = { lease: Lease; bytesFetched: number } & (
  | { resolution: Resolution; picture?: NewPicture | undefined }
  | { failure: { code: NonNullable<Alert['failureCode']>; detail: string } }
);

/**
 * `destinations`: those with a new pending delivery that is due. `waiting`: those whose delivery waits for the picture.
 * `muted`: the number of new deliveries that are muted. `pictureOf`: the id of the alert if it has a new pending picture.
 */
export type Finished = Keyed & {
  destinations?: string[] | null;
  waiting?: string[] | null;
  muted?: number | null;
  pictureOf?: bigint | null;
};

/**
 * `recorded` false: another attempt was first, and nothing changed. `destinations`: those with a new pending delivery.
 * `waiting`: those whose delivery waits for the picture. `pictureOf`: the id of the alert if its picture is pending.
 */
export type Recorded = {
  recorded: boolean;
  destinations: string[];
  waiting: string[];
  muted: number;
  pictureOf: bigint | undefined;
};

/** Returns what a result's statement has recorded; undefined: nothing. */
export function recordedOf(row: Finished | undefined): Recorded {
  const { destinations, waiting, muted, pictureOf } = row ?? {};
  return {
    recorded: row !== undefined,
    destinations: destinations ?? [],
    waiting: waiting ?? [],
    muted: muted ?? 0,
    pictureOf: pictureOf ?? undefined,
  };
}

/** For RETRY_PLAIN_MS after a result with destinations, results are recorded with their deliveries at once. */
const RETRY_PLAIN_MS = 60_000;

/**
 * Returns the write of results. Without destinations, it sends only FINISH: planning the insertion of deliveries would cost
 * PostgreSQL 0.4 ms per statement. FINISH itself finds that there are destinations, and then changes nothing. Only results
 * with pictures are recorded by the statements that insert pictures.
 */
export function openFinish(runQuery: RunQuery): (items: Result[]) => Promise<(Finished | undefined)[]> {
  let plainFrom = Number.NEGATIVE_INFINITY;
  return async (items) => {
    const { finish, deliver } = items.some(pictureOf) ? WITH_PICTURES : WITHOUT_PICTURES;
    const plain = performance.now() >= plainFrom;
    const rows = plain ? await runStatement<Result, Finished>(runQuery, finish, items) : items.map(() => undefined);
    const others = items.filter((_, index) => rows[index] === undefined);
    if (others.length === 0) return rows;
    const finished = await runStatement<Result, Finished>(runQuery, deliver, others);
    if (finished.some((row) => row !== undefined)) plainFrom = performance.now() + RETRY_PLAIN_MS;
    return rows.map((row) => row ?? finished.shift());
  };
}

function pictureOf(result: Result): NewPicture | undefined {
  return 'resolution' in result ? result.picture : undefined;
}

const RESOLUTION_COLUMNS = ['resolution', 'width', 'height', 'rotation', 'codec', 'container', 'duration'] as const;

const RESULT_COLUMNS: Statement<Result>['columns'] = [
  ({ lease }) => lease.uuid,
  ({ lease }) => lease.claim,
  ({ bytesFetched }) => bytesFetched,
  (result) => ('failure' in result ? result.failure.code : null),
  (result) => ('failure' in result ? result.failure.detail : null),
  ...RESOLUTION_COLUMNS.map(
    (column) => (result: Result) => ('resolution' in result ? result.resolution[column] : null),
  ),
];
const RESULT_TYPES = 'uuid int bigint failure_code text text int int int text text float8'.split(' ');
const RESULT_NAMES =
  'uuid claim bytes failure_code failure_detail resolution width height rotation codec container duration';

const PICTURE_COLUMNS: Statement<Result>['columns'] = [
  (result) => pictureOf(result)?.status ?? null,
  (result) => reasonOf(result)?.reason ?? null,
  (result) => reasonOf(result)?.detail ?? null,
];

function reasonOf(result: Result): Extract<NewPicture, { reason: string }> | undefined {
  const picture = pictureOf(result);
  return picture?.status === 'none' ? picture : undefined;
}

function finishText(types: string[], names: string): string {
  return `
    UPDATE alerts SET status = (CASE WHEN result.failure_code IS NULL THEN 'processed' ELSE 'failed' END)::alert_status,
      bytes_fetched = bytes_fetched + result.bytes, failure_code = result.failure_code,
      failure_detail = result.failure_detail, resolution = result.resolution, width = result.width,
      height = result.height, rotation = result.rotation, codec = result.codec, container = result.container,
      duration = result.duration, processed_at = now(), updated_at = now(), change_xid = pg_current_xact_id()
    FROM unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')})
      AS result (${names.split(' ').join(', ')})
    WHERE alerts.uuid = result.uuid AND claims = result.claim AND ${unestimated("status = 'processing'")}`;
}

const FINISHED_EVENT = "CASE WHEN changed.failure_code IS NULL THEN 'alert.processed' ELSE 'alert.failed' END";
const NO_DESTINATIONS = 'NOT EXISTS (SELECT FROM destinations)';
const keyOf = ({ lease }: Result) => lease.uuid.toLowerCase();

const FINISH = finishText(RESULT_TYPES, RESULT_NAMES);

/** `deliver` also inserts the deliveries of the results. */
const WITHOUT_PICTURES = {
  finish: {
    name: 'alerts_finish',
    text: `${FINISH} AND ${NO_DESTINATIONS} RETURNING alerts.uuid`,
    keyOf,
    columns: RESULT_COLUMNS,
  },
  deliver: {
    name: 'alerts_finish_and_deliver',
    text: `
    WITH finished AS (${FINISH} RETURNING ${EVENT_COLUMNS}),
    added AS (${insertDeliveries('finished', FINISHED_EVENT)})
    SELECT uuid, destinations, muted FROM finished LEFT JOIN (
      SELECT alert_id, array_agg(destination_id::text) FILTER (WHERE status = 'pending') AS destinations,
        count(*) FILTER (WHERE status = 'muted')::int AS muted FROM added GROUP BY alert_id
    ) counted ON alert_id = id`,
    keyOf,
    columns: RESULT_COLUMNS,
  },
};

const FINISH_WITH_PICTURE = finishText(
  [...RESULT_TYPES, 'media_status', 'text', 'text'],
  `${RESULT_NAMES} picture_status picture_reason picture_detail`,
);
const PICTURE = 'result.picture_status, result.picture_reason, result.picture_detail';

/**
 * The picture of an alert that was retried is made again; its fencing token continues. Until HAND_OVER_S have passed, only
 * the worker that has read the video makes it.
 */
const INSERT_PICTURES = `
      INSERT INTO pictures (alert_id, status, reason, detail, next_attempt_at, finished_at)
      SELECT id, picture_status, picture_reason, picture_detail, now() + interval '${HAND_OVER_S} s',
        CASE WHEN picture_status <> 'pending' THEN now() END
      FROM finished WHERE failure_code IS NULL AND picture_status IS NOT NULL
      ON CONFLICT (alert_id) DO UPDATE SET status = EXCLUDED.status, reason = EXCLUDED.reason, detail = EXCLUDED.detail,
        sha256 = NULL, width = NULL, height = NULL, bytes = NULL, failures = 0, crashes = 0,
        next_attempt_at = EXCLUDED.next_attempt_at, created_at = now(), finished_at = EXCLUDED.finished_at`;

const PICTURE_OF = `CASE WHEN failure_code IS NULL AND picture_status = 'pending' THEN id END AS "pictureOf"`;

/** The same with the row of each picture. A delivery whose destination waits for it is due WAIT_S later. */
const WITH_PICTURES = {
  finish: {
    name: 'alerts_finish_with_pictures',
    text: `
    WITH finished AS (${FINISH_WITH_PICTURE} AND ${NO_DESTINATIONS} RETURNING alerts.id, alerts.uuid, alerts.failure_code, ${PICTURE}),
    pictured AS (${INSERT_PICTURES})
    SELECT uuid, ${PICTURE_OF} FROM finished`,
    keyOf,
    columns: [...RESULT_COLUMNS, ...PICTURE_COLUMNS],
  },
  deliver: {
    name: 'alerts_finish_with_pictures_and_deliver',
    text: `
    WITH finished AS (${FINISH_WITH_PICTURE} RETURNING ${EVENT_COLUMNS}, ${PICTURE}),
    pictured AS (${INSERT_PICTURES}),
    added AS (${insertDeliveries(
      'finished',
      FINISHED_EVENT,
      `now() + CASE WHEN target.wait_for_picture AND changed.failure_code IS NULL AND changed.picture_status = 'pending'
        THEN interval '${WAIT_S} s' ELSE interval '0' END`,
    )})
    SELECT uuid, destinations, waiting, muted, ${PICTURE_OF} FROM finished LEFT JOIN (
      SELECT alert_id,
        array_agg(destination_id::text) FILTER (WHERE status = 'pending' AND next_attempt_at <= created_at) AS destinations,
        array_agg(destination_id::text) FILTER (WHERE status = 'pending' AND next_attempt_at > created_at) AS waiting,
        count(*) FILTER (WHERE status = 'muted')::int AS muted FROM added GROUP BY alert_id
    ) counted ON alert_id = id`,
    keyOf,
    columns: [...RESULT_COLUMNS, ...PICTURE_COLUMNS],
  },
};
