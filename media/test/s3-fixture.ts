import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readSources } from '#sources/file.ts';
import type { S3Source } from '#sources/s3.ts';
import type { MediaStore, StoredFile } from '../store.ts';

export const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export async function allOf(
  store: MediaStore,
  kind: 'picture' | 'copy' = 'picture',
  begin?: string,
): Promise<StoredFile[]> {
  const files = [];
  for await (const file of store.list(kind, begin)) files.push(file);
  return files;
}

/** Returns the bucket `media` on a server, without credentials. */
export function sourceOf(origin: string): S3Source {
  const folder = mkdtempSync(join(tmpdir(), 'media-s3-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const settings = {
    kind: 's3',
    region: 'us-east-1',
    bucket: 'media',
    path_style: true,
    endpoint: origin,
    credentials: 'none',
  };
  writeFileSync(join(folder, 'sources.json'), JSON.stringify({ sources: { archive: settings } }));
  const source = readSources(join(folder, 'sources.json')).byName.get('archive');
  if (source?.kind !== 's3') throw new Error('not a bucket');
  return source;
}
