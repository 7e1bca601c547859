import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { ObjectStore } from '#media/objects.ts';
import { manifestPath, sha256Of } from './layout.ts';

const sha256Field = z.string().regex(/^[0-9a-f]{64}$/);

const fileSchema = z.object({
  path: z.string().regex(/^data\/[\w=/-]+\.[0-9a-f]{16}\.ndjson\.gz$/),
  day: z.iso.date(),
  store: z.string(),
  rows: z.int().min(1),
  bytes: z.int().min(1),
  sha256: sha256Field,
  /** The file of the same day and store before this one, which has all of its rows. */
  replaces: z.string().nullable(),
});

const manifestSchema = z.object({
  version: z.literal(1),
  number: z.int().min(1),
  created_at: z.iso.datetime(),
  /** Of the manifest before this one; null for the first. */
  previous_sha256: sha256Field.nullable(),
  files: z.array(fileSchema).min(1),
});

export type ArchiveFile = z.infer<typeof fileSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** The archive contradicts itself. The message says where. */
export class ArchiveDamaged extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ArchiveDamaged';
  }
}

/** Returns the manifest as it is stored, and its SHA-256. */
export function encodeManifest(manifest: Omit<Manifest, 'version'>): { content: Buffer; sha256: string } {
  const content = Buffer.from(`${JSON.stringify({ version: 1, ...manifest }, null, 1)}\n`);
  return { content, sha256: sha256Of(content) };
}

/** Returns a manifest and its SHA-256; undefined if there is none with this number. Throws ArchiveDamaged. */
export async function readManifest(
  store: ObjectStore,
  number: number,
): Promise<{ manifest: Manifest; sha256: string } | undefined> {
  const path = manifestPath(number);
  const file = await store.open(path);
  if (file === undefined) return undefined;
  const content = await text(file.stream);
  try {
    const manifest = manifestSchema.parse(JSON.parse(content));
    if (manifest.number === number) return { manifest, sha256: sha256Of(content) };
  } catch (error) {
    throw new ArchiveDamaged(`${path} is not a manifest of this version`, error);
  }
  throw new ArchiveDamaged(`${path} has the number of another manifest`);
}
