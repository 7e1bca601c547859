import type { Database, Transaction } from './client.ts';
import { Prisma } from './generated/client.ts';
import type { AlertStatus, MediaStatus } from './generated/enums.ts';

/** The picture or copy of an alert, as far as it is needed to send it. */
export type StoredMedia = {
  alertId: bigint;
  uuid: string;
  store: string;
  alertStatus: AlertStatus;
  /** Of the links to it: the number of times that they were revoked. */
  version: number;
  /** Null: none was requested. */
  status: MediaStatus | null;
  reason: string | null;
  detail: string | null;
  /** In hexadecimal. Not null if it is ready. */
  sha256: string | null;
  bytes: number | null;
};

const TABLES = { picture: Prisma.sql`pictures`, copy: Prisma.sql`copies` };

/** Returns the picture or copy of the alert with this uuid, and null if there is no such alert. */
export async function findStoredMedia(db: Database, of: 'picture' | 'copy', uuid: string): Promise<StoredMedia | null> {
  const [row] = await db.$queryRaw<StoredMedia[]>`
    SELECT alerts.id AS "alertId", alerts.uuid::text, alerts.store, alerts.status::text AS "alertStatus",
      coalesce(version, 0) AS version, media.status::text, media.reason, media.detail,
      encode(media.sha256, 'hex') AS sha256, media.bytes::float8
    FROM alerts LEFT JOIN ${TABLES[of]} media ON media.alert_id = alerts.id
      LEFT JOIN link_versions ON link_versions.alert_id = alerts.id
    WHERE alerts.uuid = ${uuid}::uuid`;
  return row ?? null;
}

/** Makes all links of an alert invalid that were signed before. */
export async function revokeLinks(db: Pick<Database | Transaction, '$executeRaw'>, alertId: bigint): Promise<void> {
  await db.$executeRaw`
    INSERT INTO link_versions (alert_id) SELECT id FROM alerts WHERE id = ${alertId} FOR KEY SHARE
    ON CONFLICT (alert_id) DO UPDATE SET version = link_versions.version + 1, revoked_at = now()`;
}
