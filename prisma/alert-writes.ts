import { createMicroBatcher } from '#async/micro-batch.ts';
import { type Keyed, type RunQuery, runStatement, type Statement, unestimated } from './batched-statement.ts';
import { DatabaseUnavailable } from './errors.ts';
import { type Finished, type Lease, openFinish, type Result } from './finish.ts';
import type { Alert } from './generated/client.ts';

export type NewAlert = Pick<Alert, 'uuid' | 'video' | 'store' | 'timestamp' | 'requestId'> & {
  traceparent?: string | undefined;
  camera?: string | undefined;
  source?: string | undefined;
};

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
/**
 * Returns the writes that every alert needs. Writes requested at the same time share one statement. Each write changes
 * its row, or returns undefined if the row is in another state.
 */
export function openAlertWrites(runQuery: RunQuery, { queryTimeoutMs }: { queryTimeoutMs: number }) {
  const closers: (() => Promise<void>)[] = [];
  const batchedBy = <Item, Row extends Keyed>(
    keyOf: (item: Item) => string,
    run: (items: Item[]) => Promise<(Row | undefined)[]>,
    limits: { maxWait?: MaxWait } = {},
  ) => {
    const batcher = createMicroBatcher<Item, Row | undefined>({
      run,
      keyOf,
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
  const batched = <Item, Row extends Keyed>(statement: Statement<Item>, limits?: { maxWait?: MaxWait }) =>
    batchedBy<Item, Row>(statement.keyOf, (items) => runStatement(runQuery, statement, items), limits);
  return {
    // The others are limited by the number of attempts. Clients that send alerts would wait behind a locked table without
    // limit; addPending has rejected what waits for longer than this.
    insert: batched<NewAlert, Keyed & { id: bigint; receivedAt: Date }>(INSERT, {
      maxWait: { ms: queryTimeoutMs, error: () => new DatabaseUnavailable(new Error('waited too long for a batch')) },
    }),
    claim: batched<{ uuid: string; queuedAt?: Date | undefined }, ClaimedAlert>(CLAIM),
    finish: batchedBy<Result, Finished>(({ lease }) => lease.uuid.toLowerCase(), openFinish(runQuery)),
    release: batched<Release, Keyed>(RELEASE),
    markNotified: batched<Lease, Keyed>(MARK_NOTIFIED),
    /** Waits for the writes in progress. */
    async close() {
      await Promise.all(closers.map((close) => close()));
    },
  };
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
    WHERE alerts.uuid = job.uuid AND ${unestimated("status IN ('pending', 'processing')")}
    RETURNING alerts.uuid, video, store, source, timestamp, request_id AS "requestId", received_at AS "receivedAt", claims, attempts,
      attempts_before AS "attemptsBefore", crashes, extract(epoch FROM now() - received_at)::float8 * 1000 AS "ageMs",
      extract(epoch FROM now() - COALESCE(round_started_at, received_at))::float8 * 1000 AS "roundAgeMs",
      (bytes_fetched - bytes_before)::float8 AS "roundBytes", busy_ms AS "busyMs"`,
  keyOf: ({ uuid }) => uuid.toLowerCase(),
  columns: [({ uuid }) => uuid, ({ queuedAt }) => queuedAt?.toISOString()],
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
    WHERE alerts.uuid = release.uuid AND claims = release.claim AND ${unestimated("status = 'processing'")}
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
    WHERE alerts.uuid = notified.uuid AND claims = notified.claim
      AND ${unestimated("status IN ('processed', 'failed') AND notified_at IS NULL")}
    RETURNING alerts.uuid`,
  keyOf: ({ uuid }) => uuid.toLowerCase(),
  columns: [({ uuid }) => uuid, ({ claim }) => claim],
};
