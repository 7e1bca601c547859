import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type MediaStore, openConfiguredStore } from '#media/store.ts';
import { S3_CREDENTIALS, startS3Server } from '#test/harness/s3-server.ts';
import { type BackupPlace, openPlace } from '../place.ts';
import { pruneBackups } from '../prune.ts';
import { backUp, fill, openTestPlace, query, restoreInto, temporaryFolder, testDatabase } from './fixture.ts';

async function bucketPlace(): Promise<BackupPlace> {
  const folder = await temporaryFolder();
  const server = await startS3Server(['backups']);
  onTestFinished(server.close);
  await writeFile(join(folder, 'id'), S3_CREDENTIALS.accessKeyId);
  await writeFile(join(folder, 'secret'), S3_CREDENTIALS.secretAccessKey);
  const files = { access_key_id_file: 'id', secret_access_key_file: 'secret' };
  const settings = {
    kind: 's3',
    region: 'us-east-1',
    bucket: 'backups',
    path_style: true,
    endpoint: server.origin,
    ...files,
  };
  await writeFile(join(folder, 'sources.json'), JSON.stringify({ sources: { archive: settings } }));
  const SOURCES_FILE = join(folder, 'sources.json');
  return openPlace('s3://archive/alerts', { SOURCES_FILE, env: {}, option: '--to' });
}

function openMedia(folder: string): MediaStore {
  const store = openConfiguredStore({ MEDIA_URL: pathToFileURL(folder).href }, {});
  if (!store) throw new Error('there is no store');
  return store;
}

/** Stores two pictures; a third one is missing. */
async function addPictures(url: string, media: MediaStore): Promise<string[]> {
  await fill(url);
  const contents = ['first', 'second', 'missing'].map((text) => Buffer.from(text));
  const names = contents.map((bytes) => createHash('sha256').update(bytes).digest('hex'));
  for (const [index, bytes] of contents.entries()) {
    if (index < 2) await media.put('picture', bytes, names[index] ?? '');
    const insert = `INSERT INTO pictures (alert_id, status, sha256, bytes)
      SELECT id, 'ready', decode($1, 'hex'), $2 FROM alerts ORDER BY id DESC OFFSET $3 LIMIT 1`;
    await query(url, insert, [names[index], bytes.length, index]);
  }
  return names;
}

describe.each([
  ['a folder', async () => openTestPlace(await temporaryFolder())],
  ['a bucket', bucketPlace],
])('%s', (_name, open) => {
  it('has the files of pictures once for all backups, and restores them', async () => {
    const url = await testDatabase();
    const place = await open();
    onTestFinished(() => place.close());
    const media = openMedia(await temporaryFolder());
    const [first = '', second = '', missing = ''] = await addPictures(url, media);
    const lines: string[] = [];
    const options = { media, print: (line: string) => void lines.push(line) };
    const old = await backUp(url, place, options);
    expect(lines).toContain('pictures and copies: 3 files, 2 new, 1 missing in MEDIA_URL');
    const name = await backUp(url, place, options);
    expect(lines).toContain('pictures and copies: 3 files, 0 new, 1 missing in MEDIA_URL');

    expect(await pruneBackups(place, 1)).toEqual([old]);
    expect(await place.list()).toEqual([name]);
    const target = openMedia(await temporaryFolder());
    const { problems } = await restoreInto(await testDatabase({ empty: true }), place, { media: target });
    expect(problems).toEqual(['1 files of pictures and copies are missing in the backup']);
    expect(await target.size('picture', missing)).toBeUndefined();
    expect(await target.size('picture', second)).toBe(6);
    const file = await target.open('picture', first);
    expect(file && (await buffer(file.stream)).toString()).toBe('first');
    const without = await restoreInto(await testDatabase({ empty: true }), place);
    expect(without.problems).toEqual([expect.stringContaining('set MEDIA_URL and use --media')]);
  });
});
