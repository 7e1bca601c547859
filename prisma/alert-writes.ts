import { createMicroBatcher } from '#async/micro-batch.ts';
import { EVENT_COLUMNS, insertDeliveries } from './delivery-sql.ts';
import { DatabaseUnavailable } from './errors.ts';
import type { Alert } from './generated/client.ts';

/** Runs a prepared statement and returns its rows. Throws DatabaseUnavailable or DatabaseError. */
export type RunQuery = <Row extends object>(statement: {
  name: string;
  text: string;
  values: unknown[];
}) => Promise<Row[]>;

export type NewAlert = Pick<Alert, 'uuid' | 'video' | 'store' | 'timestamp' | 'requestId'> & {
  traceparent?: string | undefined;
  camera?: string | undefined;
  source?: string | undefined;
};

/**
 * The right to write the result of one attempt. `claim` is the number of its claim, the fencing token: a later claim has a
 * higher one and so ends this right. No number is ever used twice, unlike that of an attempt, which a refund gives back.
 */
export type Lease = { uuid: string; claim: number };

/** The columns that an attempt needs. */
export type ClaimedAlert = Omit<NewAlert, 'traceparent' | 'camera' | 'source'> &
  Pick<Alert, 'source' | 'receivedAt' | 'claims' | 'attempts' | 'attemptsBefore' | 'crashes'> & {
    /** Milliseconds between receipt and claim by the database's clock: the worker's may differ. */
    ageMs: number;
    /** The same since the round of attempts started: at the receipt, or when an operator retried the alert. */
    roundAgeMs: number;
    /** Body bytes that the round's attempts have fetched, and milliseconds that they took. */
    roundBytes: number;
    busyMs: number;
  };

export type Resolution = Pick<
  Alert,
  'resolution' | 'width' | 'height' | 'rotation' | 'codec' | 'container' | 'duration'
>;

export type Result = { lease: Lease; bytesFetched: number } & (
  | { resolution: Resolution }
  | { failure: { code: NonNullable<Alert['failureCode']>; detail: string } }
);

export type Release = {
  lease: Lease;
  bytesFetched: number;
  busyMs: number;
  /** The attempt does not count: we aborted it. */
  refund: boolean;
  /** Why the attempt failed; undefined keeps the error of the attempt before. */
  error: string | undefined;
  /** Time until the next attempt; undefined: unknown. */
  delayMs: number | undefined;
};

type MaxWait = { ms: number; error(): Error };
type Keyed = { uuid: string };
type Options<Item, Row> = { maxWait?: MaxWait; run?: (items: Item[]) => Promise<(Row | undefined)[]> };
/** `destinations`: those with a new pending delivery. `muted`: the number of new deliveries that are muted. */
type Finished = Keyed & { destinations?: string[] | null; muted?: number | null };
type Statement<Item> = { name: string; text: string; keyOf(item: Item): string; columns: ((item: Item) => unknown)[] };

/**
 * Returns the writes that every alert needs. Writes requested at the same time share one statement. Each write changes
 * its row, or returns undefined if the row is in another state.
 */
export function openAlertWrites(runQuery: RunQuery, { queryTimeoutMs }: { queryTimeoutMs: number }) {
  const closers: (() => Promise<void>)[] = [];
  const batched = <Item, Row extends Keyed>(statement: Statement<Item>, options: Options<Item, Row> = {}) => {
    const { run = (items) => runStatement(runQuery, statement, items), ...limits } = options;
    const batcher = createMicroBatcher<Item, Row | undefined>({
      run,
      keyOf: statement.keyOf,
      // PostgreSQL may accept the batch without the one item that it refused; after a deadlock too. Halving a batch that
      // waited for a locked table would only multiply the wait.
      mayBeCausedByOneItem: (error) => !(error instanceof DatabaseUnavailable) || error.conflict,
      maxBatchSize: 200,
      concurrency: 2,
      ...limits,
    });
    closers.push(batcher.close);
    return batcher.add;
  };
  return {
    // The others are limited by the number of attempts. Clients that send alerts would wait behind a locked table without
    // limit; addPending has rejected what waits for longer than this.
    insert: batched<NewAlert, Keyed & { id: string; receivedAt: Date }>(INSERT, {
      maxWait: { ms: queryTimeoutMs, error: () => new DatabaseUnavailable(new Error('waited too long for a batch')) },
    }),
    claim: batched<{ uuid: string; queuedAt?: Date | undefined }, ClaimedAlert>(CLAIM),
    finish: batched<Result, Finished>(FINISH, { run: openFinish(runQuery) }),
    release: batched<Release, Keyed>(RELEASE),
    markNotified: batched<Lease, Keyed>(MARK_NOTIFIED),
    /** Waits for the writes in progress. */
    async close() {
      await Promise.all(closers.map((close) => close()));
    },
  };
}

/** Sends one array per column. The items are sorted, so that two statements lock the same rows in the same order. */
async function runStatement<Item, Row extends Keyed>(
  runQuery: RunQuery,
  { name, text, keyOf, columns }: Statement<Item>,
  items: Item[],
): Promise<(Row | undefined)[]> {
  const sorted = items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const values = columns.map((column) => sorted.map(column));
  const rows = new Map((await runQuery<Row>({ name, text, values })).map((row) => [row.uuid, row]));
  return items.map((item) => rows.get(keyOf(item)));
}

const INSERT: Statement<NewAlert> = {
  name: 'alerts_insert',
  text: `
    INSERT INTO alerts (uuid, video, store, timestamp, request_id, traceparent, camera, source)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::text[])
    ON CONFLICT (uuid) DO NOTHING RETURNING uuid, id, received_at AS "receivedAt"`,
  keyOf: ({ uuid }) => uuid.toLowerCase(),
  columns: [
    ({ uuid }) => uuid,
    ({ video }) => video,
    ({ store }) => store,
    ({ timestamp }) => timestamp,
    ({ requestId }) => requestId,
    ({ traceparent }) => traceparent,
    ({ camera }) => camera,
    ({ source }) => source,
  ],
};

const CLAIM: Statement<{ uuid: string; queuedAt?: Date | undefined }> = {
  name: 'alerts_claim',
  text: `
    UPDATE alerts SET status = 'processing', claims = claims + 1, attempts = attempts + 1,
      crashes = crashes + CASE status WHEN 'processing' THEN 1 ELSE 0 END, started_at = now(),
      queued_at = job.queued_at, updated_at = now(), change_xid = pg_current_xact_id()
    FROM unnest($1::uuid[], $2::timestamptz[]) AS job (uuid, queued_at)
    WHERE alerts.uuid = job.uuid AND status IN ('pending', 'processing')
    RETURNING alerts.uuid, video, store, source, timestamp, request_id AS "requestId", received_at AS "receivedAt", claims, attempts,
      attempts_before AS "attemptsBefore", crashes, extract(epoch FROM now() - received_at)::float8 * 1000 AS "ageMs",
      extract(epoch FROM now() - COALESCE(round_started_at, received_at))::float8 * 1000 AS "roundAgeMs",
      (bytes_fetched - bytes_before)::float8 AS "roundBytes", busy_ms AS "busyMs"`,
  keyOf: ({ uuid }) => uuid.toLowerCase(),
  columns: [({ uuid }) => uuid, ({ queuedAt }) => queuedAt?.toISOString()],
};

const RESOLUTION_COLUMNS = ['resolution', 'width', 'height', 'rotation', 'codec', 'container', 'duration'] as const;

/** For RETRY_PLAIN_MS after a result with destinations, results are recorded with their deliveries at once. */
const RETRY_PLAIN_MS = 60_000;

/**
 * Returns the write of results. Without destinations, it sends only FINISH: planning the insertion of deliveries would cost
 * PostgreSQL 0.4 ms per statement. FINISH itself finds that there are destinations, and then changes nothing.
 */
function openFinish(runQuery: RunQuery): (items: Result[]) => Promise<(Finished | undefined)[]> {
  let plainFrom = Number.NEGATIVE_INFINITY;
  return async (items) => {
    const plain = performance.now() >= plainFrom;
    const rows = plain ? await runStatement<Result, Finished>(runQuery, FINISH, items) : items.map(() => undefined);
    const others = items.filter((_, index) => rows[index] === undefined);
    if (others.length === 0) return rows;
    const finished = await runStatement<Result, Finished>(runQuery, FINISH_AND_DELIVER, others);
    if (finished.some((row) => row !== undefined)) plainFrom = performance.now() + RETRY_PLAIN_MS;
    return rows.map((row) => row ?? finished.shift());
  };
}

const FINISH_TEXT = `
    UPDATE alerts SET status = (CASE WHEN result.failure_code IS NULL THEN 'processed' ELSE 'failed' END)::alert_status,
      bytes_fetched = bytes_fetched + result.bytes, failure_code = result.failure_code,
      failure_detail = result.failure_detail, resolution = result.resolution, width = result.width,
      height = result.height, rotation = result.rotation, codec = result.codec, container = result.container,
      duration = result.duration, processed_at = now(), updated_at = now(), change_xid = pg_current_xact_id()
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::failure_code[], $5::text[], $6::text[], $7::int[], $8::int[],
        $9::int[], $10::text[], $11::text[], $12::float8[])
      AS result (uuid, claim, bytes, failure_code, failure_detail, resolution, width, height, rotation, codec,
        container, duration)
    WHERE alerts.uuid = result.uuid AND claims = result.claim AND status = 'processing'`;

const FINISH: Statement<Result> = {
  name: 'alerts_finish',
  text: `${FINISH_TEXT} AND NOT EXISTS (SELECT FROM destinations) RETURNING alerts.uuid`,
  keyOf: ({ lease }) => lease.uuid.toLowerCase(),
  columns: [
    ({ lease }) => lease.uuid,
    ({ lease }) => lease.claim,
    ({ bytesFetched }) => bytesFetched,
    (result) => ('failure' in result ? result.failure.code : null),
    (result) => ('failure' in result ? result.failure.detail : null),
    ...RESOLUTION_COLUMNS.map(
      (column) => (result: Result) => ('resolution' in result ? result.resolution[column] : null),
    ),
  ],
};

const FINISHED_EVENT = "CASE WHEN changed.failure_code IS NULL THEN 'alert.processed' ELSE 'alert.failed' END";

/** Records the results, and inserts their deliveries. */
const FINISH_AND_DELIVER: Statement<Result> = {
  ...FINISH,
  name: 'alerts_finish_and_deliver',
  text: `
    WITH finished AS (${FINISH_TEXT} RETURNING ${EVENT_COLUMNS}),
    added AS (${insertDeliveries('finished', FINISHED_EVENT)})
    SELECT uuid, destinations, muted FROM finished LEFT JOIN (
      SELECT alert_id, array_agg(destination_id::text) FILTER (WHERE status = 'pending') AS destinations,
        count(*) FILTER (WHERE status = 'muted')::int AS muted FROM added GROUP BY alert_id
    ) counted ON alert_id = id`,
};

const RELEASE: Statement<Release> = {
  name: 'alerts_release',
  text: `
    UPDATE alerts SET status = 'pending', attempts = attempts - CASE WHEN release.refund THEN 1 ELSE 0 END,
      busy_ms = busy_ms + CASE WHEN release.refund THEN 0 ELSE release.ms END,
      bytes_fetched = bytes_fetched + release.bytes, last_error = COALESCE(release.error, last_error),
      last_error_at = CASE WHEN release.error IS NULL THEN last_error_at ELSE now() END,
      next_attempt_at = now() + make_interval(secs => delay_ms / 1000), updated_at = now(), change_xid = pg_current_xact_id()
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bool[], $5::text[], $6::float8[], $7::int[])
      AS release (uuid, claim, bytes, refund, error, delay_ms, ms)
    WHERE alerts.uuid = release.uuid AND claims = release.claim AND status = 'processing'
    RETURNING alerts.uuid`,
  keyOf: ({ lease }) => lease.uuid.toLowerCase(),
  columns: [
    ({ lease }) => lease.uuid,
    ({ lease }) => lease.claim,
    ({ bytesFetched }) => bytesFetched,
    ({ refund }) => refund,
    ({ error }) => error,
    ({ delayMs }) => delayMs,
    ({ busyMs }) => Math.round(busyMs),
  ],
};

const MARK_NOTIFIED: Statement<Lease> = {
  name: 'alerts_mark_notified',
  text: `
    UPDATE alerts SET notified_at = now(), updated_at = now() FROM unnest($1::uuid[], $2::int[]) AS notified (uuid, claim)
    WHERE alerts.uuid = notified.uuid AND claims = notified.claim AND status IN ('processed', 'failed')
      AND notified_at IS NULL
    RETURNING alerts.uuid`,
  keyOf: ({ uuid }) => uuid.toLowerCase(),
  columns: [({ uuid }) => uuid, ({ claim }) => claim],
};
