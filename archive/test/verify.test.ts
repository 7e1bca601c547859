import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readChain } from '../chain.ts';
import { ArchiveDamaged } from '../manifest.ts';
import { verifyArchive } from '../verify.ts';
import { addRows } from '../write.ts';
import { openFolderArchive, rowOf } from './archive-fixture.ts';

/** Returns an archive of four manifests and two files. */
async function openArchive() {
  const { store, folder } = openFolderArchive();
  const chain = await readChain(store);
  for (let n = 0; n < 3; n += 1) await addRows(store, chain, [rowOf()]);
  await addRows(store, chain, [rowOf({ store: 'other' })]);
  const head = { number: chain.number, sha256: chain.sha256 ?? '' };
  const [other, first] = readdirSync(join(folder, 'data/2026-10-01')).toSorted();
  return { store, folder, head, file: join('data/2026-10-01', `${first}`), other: join('data/2026-10-01', `${other}`) };
}

type Archive = Awaited<ReturnType<typeof openArchive>>;

const damages: [string, (archive: Archive) => void, RegExp][] = [
  ['a missing file', ({ folder, file }) => rmSync(join(folder, file)), /store-1.* is missing/],
  ['a truncated file', ({ folder, file }) => truncateSync(join(folder, file), 60), /store-1.* is damaged/],
  ['an empty file', ({ folder, file }) => writeFileSync(join(folder, file), ''), /store-1.* (is damaged|has another)/],
  ['another file', ({ folder, file, other }) => cpSync(join(folder, other), join(folder, file)), /another SHA-256/],
  ['a changed row', ({ folder, file }) => changeRow(join(folder, file)), /store-1.* has another SHA-256/],
  ['a missing manifest', ({ folder }) => rmSync(manifest(folder, 2)), /00000002.json is missing/],
  ['a missing first manifest', ({ folder }) => rmSync(manifest(folder, 1)), /00000001.json is missing/],
  ['a missing last manifest', ({ folder }) => rmSync(manifest(folder, 4)), /00000004.json is missing/],
  [
    'a changed manifest',
    ({ folder }) => change(manifest(folder, 2), '"rows": 2', '"rows": 1'),
    /00000003.json does not cont/,
  ],
  ['a changed last manifest', ({ folder }) => change(manifest(folder, 4), 'T', 't'), /00000004.json is not/],
  ['no JSON', ({ folder }) => writeFileSync(manifest(folder, 3), '{'), /00000003.json is not a manifest/],
  ['a copied manifest', ({ folder }) => cpSync(manifest(folder, 1), manifest(folder, 3)), /the number of another/],
  [
    'an unknown file',
    ({ folder }) => writeFileSync(join(folder, 'data/2026-10-01/x.gz'), ''),
    /x.gz is in no manifest/,
  ],
];

function manifest(folder: string, number: number): string {
  return join(folder, `manifests/0000000${number}.json`);
}

function change(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
}

function changeRow(path: string): void {
  writeFileSync(path, gzipSync(gunzipSync(readFileSync(path)).toString().replace('"x"', '"y"')));
}

describe('verification', () => {
  it.each(damages)('finds %s', async (_what, damage, message) => {
    const archive = await openArchive();
    expect(await verifyArchive(archive.store, { head: archive.head })).toMatchObject({ rows: 4, problems: [] });
    damage(archive);
    const { problems } = await verifyArchive(archive.store, { head: archive.head });
    expect(problems).toContainEqual(expect.stringMatching(message));
  });

  it('reports leftovers of a killed run as such', async () => {
    const { store, folder, head } = await openArchive();
    const put = async (path: string, text: string) =>
      store.put(path, Buffer.from(text), { type: 'text/plain', existing: 'error' });
    const record = 'writing/00000005-0f8fad5b-d9cb-469f-a165-70867728950e.json';
    const left = 'data/2026-10-05/x.0123456789abcdef.ndjson.gz';
    await put(record, JSON.stringify({ paths: [left] }));
    await put(left, 'incomplete');
    writeFileSync(join(folder, 'unfinished/left'), '');
    const { problems, leftovers } = await verifyArchive(store, { head });
    expect({ problems, leftovers: leftovers.toSorted() }).toEqual({
      ...{ problems: [], leftovers: [left, 'unfinished/left', record] },
    });
  });

  it('rejects a newer manifest than this version writes', async () => {
    const { store, folder } = await openArchive();
    change(manifest(folder, 4), '"version": 1', '"version": 2');
    await expect(readChain(store)).rejects.toThrow(ArchiveDamaged);
  });
});

it('does not add rows to a damaged file', async () => {
  const { store, folder, file } = await openArchive();
  changeRow(join(folder, file));
  const chain = await readChain(store);
  await expect(addRows(store, chain, [rowOf()])).rejects.toThrow('has another SHA-256');
  expect((await readChain(store)).number).toBe(4);
});
