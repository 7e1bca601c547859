import type { Database } from './client.ts';
import { insertDeliveries } from './delivery-sql.ts';
import type { Silence } from './generated/client.ts';
import { Prisma } from './generated/client.ts';

/** `store` null: all stores. `camera` null: the whole store. */
export type SilenceRow = Omit<Silence, 'store' | 'camera'> & { store: string | null; camera: string | null };

/** What a delivery of store.silent or store.back keeps: columns of the silence, as PostgreSQL writes them as JSON. */
export type SilenceSnapshot = {
  store: string | null;
  camera: string | null;
  since: string;
  last_alert_at: string;
  expected: number;
};

/** `store` empty: all stores. `camera` empty: the whole store. */
export type SilenceKey = Pick<Silence, 'store' | 'camera'>;

/** `destinations`: those with a new pending delivery. `muted`: the number of new deliveries that are muted. */
export type RecordedSilences = { silences: SilenceKey[]; destinations: string[]; muted: number };

const EVENT_COLUMNS = Prisma.raw(`NULL::bigint AS id, NULL::failure_code AS failure_code, NULLIF(store, '') AS store,
  NULLIF(camera, '') AS camera, since, expected`);

const recorded = (event: string) => Prisma.sql`
  , added AS (${Prisma.raw(insertDeliveries('changed_silences', `'${event}'`))})
  SELECT ARRAY(SELECT DISTINCT destination_id::text FROM added WHERE status = 'pending') AS destinations,
    (SELECT count(*)::int FROM added WHERE status = 'muted') AS muted,
    COALESCE((SELECT jsonb_agg(jsonb_build_object('store', COALESCE(store, ''), 'camera', COALESCE(camera, ''))) FROM changed_silences), '[]') AS silences`;

/**
 * Records silences that are reported, with their deliveries of store.silent, in one statement. One that is open and reported
 * already stays as it is; one that is open and was not reported is now.
 */
export async function recordSilences(
  db: Database,
  found: readonly (SilenceKey & { since: Date; expected: number })[],
): Promise<RecordedSilences> {
  const [row] = await db.$queryRaw<RecordedSilences[]>`
    WITH raised AS (
      INSERT INTO silences (store, camera, since, expected, notified_at)
      SELECT store, camera, since, expected, now() FROM unnest(${found.map(({ store }) => store)}::text[],
        ${found.map(({ camera }) => camera)}::text[], ${found.map(({ since }) => since)}::timestamptz[],
        ${found.map(({ expected }) => expected)}::float8[]) AS found (store, camera, since, expected)
      ON CONFLICT (store, camera) WHERE ended_at IS NULL
        DO UPDATE SET notified_at = now(), expected = EXCLUDED.expected WHERE silences.notified_at IS NULL
      RETURNING silences.*),
    changed_silences AS (SELECT ${EVENT_COLUMNS}, since AS last_alert_at FROM raised)
    ${recorded('store.silent')}`;
  return row ?? NOTHING;
}

/** Ends open silences, with the deliveries of store.back for those that were reported. */
export async function endSilences(
  db: Database,
  ended: readonly (SilenceKey & { lastAlertAt: Date })[],
): Promise<RecordedSilences> {
  const [row] = await db.$queryRaw<RecordedSilences[]>`
    WITH over AS (
      UPDATE silences SET ended_at = now()
      FROM unnest(${ended.map(({ store }) => store)}::text[], ${ended.map(({ camera }) => camera)}::text[],
        ${ended.map(({ lastAlertAt }) => lastAlertAt)}::timestamptz[]) AS back (store, camera, last_alert_at)
      WHERE silences.store = back.store AND silences.camera = back.camera AND ended_at IS NULL
      RETURNING silences.*, back.last_alert_at),
    changed_silences AS (SELECT ${EVENT_COLUMNS}, last_alert_at FROM over WHERE notified_at IS NOT NULL)
    ${recorded('store.back')}`;
  return row ?? NOTHING;
}

const NOTHING: RecordedSilences = { silences: [], destinations: [], muted: 0 };

/** Records that nearly no store sends alerts: not reported yet. Does nothing if that is recorded. */
export async function recordQuietTime(db: Database, since: Date): Promise<void> {
  await db.$executeRaw`
    INSERT INTO silences (store, camera, since, expected) VALUES ('', '', ${since}::timestamptz, 0) ON CONFLICT DO NOTHING`;
}

/** Returns all open silences, those that are not reported among them. */
export async function openSilences(db: Database): Promise<Silence[]> {
  return db.silence.findMany({ where: { endedAt: null } });
}

/** Returns the times since `from` in which nearly no store sent alerts. */
export async function quietTimes(db: Database, from: Date): Promise<{ since: Date; endedAt: Date | null }[]> {
  return db.silence.findMany({
    where: { store: '', createdAt: { gte: from } },
    select: { since: true, endedAt: true },
    orderBy: { since: 'asc' },
  });
}

/** Ends the open silences of stores and cameras without a baseline: nothing more is known about them. No event. */
export async function dropSilences(db: Database): Promise<void> {
  await db.$executeRaw`
    UPDATE silences SET ended_at = now() WHERE ended_at IS NULL AND store <> '' AND NOT EXISTS (
      SELECT FROM store_baselines known WHERE known.store = silences.store AND known.camera = silences.camera)`;
}

/** Deletes silences that ended before this time. */
export async function deleteSilences(db: Database, before: Date): Promise<void> {
  await db.$executeRaw`DELETE FROM silences WHERE ended_at < ${before}::timestamptz`;
}

export type SilenceFilter = {
  /** `open`: those that have not ended. */
  state: 'open' | 'all';
  /** Limits the result to these stores, without the silences of all stores; undefined: all. */
  stores?: readonly string[] | undefined;
};

/** Returns at most `limit` reported silences, newest first. */
export async function listSilences(
  db: Database,
  { state, stores }: SilenceFilter,
  { limit, after }: { limit: number; after?: Pick<Silence, 'createdAt' | 'id'> | undefined },
): Promise<SilenceRow[]> {
  const conditions = [Prisma.sql`notified_at IS NOT NULL`];
  if (state === 'open') conditions.push(Prisma.sql`ended_at IS NULL`);
  if (stores) conditions.push(Prisma.sql`store = ANY (${[...stores]}::text[])`);
  if (after) conditions.push(Prisma.sql`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`);
  return db.$queryRaw<SilenceRow[]>`
    SELECT id::text, NULLIF(store, '') AS store, NULLIF(camera, '') AS camera, since, expected, created_at AS "createdAt",
      notified_at AS "notifiedAt", ended_at AS "endedAt"
    FROM silences WHERE ${Prisma.join(conditions, ' AND ')} ORDER BY created_at DESC, id DESC LIMIT ${limit}::int`;
}
