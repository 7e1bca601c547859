import type { Database } from './client.ts';
import { Prisma } from './generated/client.ts';

type MediaKind = 'picture' | 'copy';

const TABLES = { picture: Prisma.sql`pictures`, copy: Prisma.sql`copies` };

/** A file that rows refer to. `readySince`: the latest time at which one of them became ready; null if none is ready. */
type UsedFile = { sha256: string; readySince: Date | null };

/** Returns the files that rows refer to, of those whose SHA-256 begins with this byte. */
export async function filesInUse(db: Database, of: MediaKind, byte: number): Promise<UsedFile[]> {
  const end = byte === 255 ? Prisma.empty : Prisma.sql`AND sha256 < ${Uint8Array.of(byte + 1)}`;
  return db.$queryRaw<UsedFile[]>`
    SELECT encode(sha256, 'hex') AS sha256, max(finished_at) FILTER (WHERE status = 'ready') AS "readySince"
    FROM ${TABLES[of]} WHERE sha256 >= ${Uint8Array.of(byte)} ${end} GROUP BY sha256`;
}

/** Returns those of the files, in hexadecimal, that no row refers to. */
export async function filesWithoutRow(db: Database, of: MediaKind, sha256s: readonly string[]): Promise<string[]> {
  const rows = await db.$queryRaw<{ sha256: string }[]>`
    SELECT name AS sha256 FROM unnest(${sha256s}::text[]) name
    WHERE NOT EXISTS (SELECT FROM ${TABLES[of]} WHERE sha256 = decode(name, 'hex'))`;
  return rows.map(({ sha256 }) => sha256);
}

/**
 * Records that the files of ready rows are missing. A picture is pending again at its first loss; at the next one, and for a
 * copy, the reason is file_lost. Returns the number of rows.
 */
export async function recordLostFiles(db: Database, of: MediaKind, sha256s: readonly string[]): Promise<number> {
  const files = Prisma.sql`status = 'ready' AND sha256 IN (SELECT decode(name, 'hex') FROM unnest(${sha256s}::text[]) name)`;
  if (of === 'copy') {
    return db.$executeRaw`
      UPDATE copies SET status = 'none', reason = 'file_lost', detail = NULL, sha256 = NULL, progress = 0 WHERE ${files}`;
  }
  return db.$executeRaw`
    UPDATE pictures SET status = CASE WHEN losses = 0 THEN 'pending' ELSE 'none' END::media_status, losses = losses + 1,
      reason = 'file_lost', detail = NULL, sha256 = NULL, failures = 0, next_attempt_at = now()
    WHERE ${files}`;
}
