import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import type { ObjectStore } from '#media/objects.ts';
import { S3_CREDENTIALS, startS3Server } from '#test/harness/s3-server.ts';
import type { Chain } from '../chain.ts';
import { readLines, uuidOf } from '../data-file.ts';
import { openConfiguredArchive } from '../store.ts';
import type { ArchiveRow } from '../write.ts';

function opened(env: { ARCHIVE_URL: string; SOURCES_FILE?: string }): ObjectStore {
  const store = openConfiguredArchive(env, {});
  if (!store) throw new Error('there is no archive');
  return store;
}

/** Returns an archive in a new folder. */
export function openFolderArchive() {
  const folder = mkdtempSync(join(tmpdir(), 'archive test '));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const ARCHIVE_URL = pathToFileURL(folder).href;
  const store = opened({ ARCHIVE_URL });
  return { store, folder, env: { ARCHIVE_URL } };
}

/** Returns an archive in a bucket of a new server. */
export async function openBucketArchive() {
  const server = await startS3Server(['archive']);
  onTestFinished(server.close);
  const folder = mkdtempSync(join(tmpdir(), 'archive-s3-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'id'), S3_CREDENTIALS.accessKeyId);
  writeFileSync(join(folder, 'secret'), S3_CREDENTIALS.secretAccessKey);
  const files = { access_key_id_file: 'id', secret_access_key_file: 'secret' };
  const bucket = {
    kind: 's3',
    region: 'us-east-1',
    bucket: 'archive',
    path_style: true,
    endpoint: server.origin,
    ...files,
  };
  writeFileSync(join(folder, 'sources.json'), JSON.stringify({ sources: { cold: bucket } }));
  const env = { ARCHIVE_URL: 's3://cold/alerts', SOURCES_FILE: join(folder, 'sources.json') };
  const store = opened(env);
  onTestFinished(() => store.close());
  return { store, env };
}

/** Returns a new row, with a text of its own. */
export function rowOf(fields: Partial<ArchiveRow> & { text?: string } = {}): ArchiveRow {
  const { uuid = randomUUID(), day = '2026-10-01', store = 'store-1', text = 'x' } = fields;
  return { uuid, day, store, line: JSON.stringify({ uuid, text }) };
}

/** Returns all lines of the archive, by uuid. */
export async function linesOf(store: ObjectStore, chain: Chain): Promise<Map<string, string>> {
  const lines = new Map<string, string>();
  for (const file of chain.files.values()) {
    for await (const line of readLines(store, file)) lines.set(uuidOf(line), line);
  }
  return lines;
}

export async function pathsOf(store: ObjectStore): Promise<string[]> {
  const paths = [];
  for await (const { path } of store.list('')) paths.push(path);
  return paths.toSorted();
}
