import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Written last: a folder without it is not a backup. */
export const MANIFEST = 'manifest.json';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

const fileSchema = z.object({ path: z.string().regex(/^\w[\w.-]*$/), bytes: count, sha256 });

const tableSchema = z.object({
  name: z.string(),
  /** Compared and, in the format `tables`, copied. */
  columns: z.array(z.string()).min(1),
  rows: count,
  /** Of all rows, in no order. See snapshot.ts. */
  fingerprint: z.string(),
});

const manifestSchema = z.object({
  version: z.literal(1, 'was written by a newer version of this program: use that version'),
  name: z.string(),
  created_at: z.iso.datetime(),
  program: z.string(),
  format: z.enum(['pg_dump', 'tables']),
  /** Major versions. */
  postgres: count,
  pg_dump: count.nullable(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })).min(1),
  /** A table comes after those that it refers to. */
  tables: z.array(tableSchema),
  sequences: z.array(z.object({ name: z.string(), value: z.string().nullable() })),
  /** Ids of the SECRETS_KEYs that sealed secrets need. The keys are not in the backup. */
  secrets_keys: z.array(z.string()),
  /** Pictures and copies of the rows. `copied`: their files are in the backup's folder `media`. */
  media: z.object({ files: count, bytes: count, copied: z.boolean() }),
  files: z.array(fileSchema),
  checksum: sha256,
});

export type Manifest = z.infer<typeof manifestSchema>;
export type BackupFile = z.infer<typeof fileSchema>;
export type BackupTable = z.infer<typeof tableSchema>;

export async function writeManifest(folder: string, manifest: Omit<Manifest, 'checksum'>): Promise<void> {
  const complete = { ...manifest, checksum: checksumOf(manifest) };
  await writeFile(join(folder, MANIFEST), `${JSON.stringify(complete, undefined, 2)}\n`, { flush: true });
}

/** Returns the manifest of a backup. Throws one sentence if it is missing, damaged or of a newer version. */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch((cause: Error) => {
    throw new Error(`${folder} is not a complete backup: it has no ${MANIFEST}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${MANIFEST} in ${folder} is damaged: use another backup`, { cause });
  }
  const parsed = manifestSchema.safeParse(value);
  const issue = parsed.error?.issues[0];
  if (!parsed.success)
    throw new Error(`${MANIFEST} in ${folder} is invalid: ${issue?.path.join('.')}: ${issue?.message}`);
  const { checksum, ...rest } = value as Manifest; // as parsed: the checksum is of the text, with fields unknown here
  if (checksum !== checksumOf(rest)) throw new Error(`${MANIFEST} in ${folder} was changed: use another backup`);
  return parsed.data;
}

function checksumOf(manifest: object): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}
