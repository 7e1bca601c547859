import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ObjectExists, type ObjectStore } from '#media/objects.ts';
import { readChain, readOn } from '../chain.ts';
import { verifyArchive } from '../verify.ts';
import { addRows } from '../write.ts';
import { linesOf, openBucketArchive, openFolderArchive, pathsOf, rowOf } from './archive-fixture.ts';

describe.each([
  ['a folder', openFolderArchive],
  ['a bucket', openBucketArchive],
])('an archive in %s', (_where, open) => {
  it('has one file per day and store, and adds later rows to it', async () => {
    const { store } = await open();
    const rows = [rowOf(), rowOf({ store: 'Café / 2.a' }), rowOf({ day: '2026-10-02' })];
    const chain = await readChain(store);
    expect(chain.number).toBe(0);
    await addRows(store, chain, rows);
    const changed = { ...rowOf({ uuid: rows[0]?.uuid ?? '', text: 'changed' }) };
    const later = rowOf();
    await addRows(store, chain, [changed, later]);
    expect(await pathsOf(store)).toEqual([
      expect.stringMatching(/^data\/2026-10-01\/Caf=C3=A9=20=2F=202=2Ea\.[0-9a-f]{16}\.ndjson\.gz$/),
      expect.stringMatching(/^data\/2026-10-01\/store-1\.[0-9a-f]{16}\.ndjson\.gz$/),
      expect.stringMatching(/^data\/2026-10-02\/store-1\.[0-9a-f]{16}\.ndjson\.gz$/),
      ...['manifests/00000001.json', 'manifests/00000002.json'],
    ]);
    const again = await readChain(store);
    expect(again).toEqual(chain);
    const lines = await linesOf(store, again);
    expect(lines.size).toBe(4);
    for (const row of [changed, later, ...rows.slice(1)]) expect(lines.get(row.uuid)).toBe(row.line);
    expect(await verifyArchive(store)).toEqual({ manifests: 2, files: 3, rows: 4, problems: [], leftovers: [] });
  });

  it('writes nothing for rows that it has', async () => {
    const { store } = await open();
    const rows = [rowOf(), rowOf(), rowOf()];
    const chain = await readChain(store);
    await addRows(store, chain, rows);
    await addRows(store, chain, rows.slice(1));
    expect(chain.number).toBe(1);
  });

  it('continues after the manifests of another process', async () => {
    const { store } = await open();
    const [first, second] = [await readChain(store), await readChain(store)];
    await addRows(store, first, [rowOf()]);
    await readOn(store, second);
    await addRows(store, second, [rowOf()]);
    expect((await linesOf(store, await readChain(store))).size).toBe(2);
  });
});

it('rejects a manifest whose number exists', async () => {
  const { store } = openFolderArchive();
  const [first, second] = [await readChain(store), await readChain(store)];
  await addRows(store, first, [rowOf()]);
  await expect(addRows(store, second, [rowOf()])).rejects.toThrow(ObjectExists);
  expect(await verifyArchive(store)).toMatchObject({ rows: 1, problems: [] });
});

it('names long stores, and those that differ at their end only', async () => {
  const { store, folder } = openFolderArchive();
  const names = ['é'.repeat(127), `${'é'.repeat(127)}x`, '../..', 'con', '%2F'];
  await addRows(
    store,
    await readChain(store),
    names.map((name) => rowOf({ store: name })),
  );
  const { files } = await readChain(store);
  expect(new Set([...files.values()].map(({ path }) => path)).size).toBe(names.length);
  expect([...files.values()].map((file) => file.store).toSorted()).toEqual(names.toSorted());
  for (const { path, rows } of files.values()) {
    expect(path).toMatch(/^data\/2026-10-01\/[\w=-]{1,130}\.[0-9a-f]{16}\.ndjson\.gz$/);
    expect(
      gunzipSync(readFileSync(join(folder, path)))
        .toString()
        .split('\n'),
    ).toHaveLength(rows + 1);
  }
});

it('loses no row and passes verification, whichever step is the last one', async () => {
  for (let steps = 0; ; steps += 1) {
    const { store } = openFolderArchive();
    const before = [rowOf(), rowOf({ day: '2026-10-02' })];
    await addRows(store, await readChain(store), before);
    const added = [rowOf(), rowOf({ store: 'store-2' })];
    const ended = await addRows(endAfter(store, steps), await readChain(store), added).then(
      () => false,
      () => true,
    );
    // Only after addRows has resolved, the rows are deleted from the table.
    const expected = ended ? before : [...before, ...added];
    const found = await linesOf(store, await readChain(store));
    for (const { uuid, line } of expected) expect(found.get(uuid)).toBe(line);
    expect((await verifyArchive(store)).problems).toEqual([]);
    await addRows(store, await readChain(store), [...added, rowOf()]);
    const rest = await verifyArchive(store);
    expect(rest).toMatchObject({ rows: 5, files: 3, problems: [], leftovers: [] });
    if (!ended) return;
  }
});

/** Returns the store as a process sees it that is killed after this number of changes. */
function endAfter(store: ObjectStore, steps: number): ObjectStore {
  let done = 0;
  const step = () => {
    if (done === steps) throw new Error('killed');
    done += 1;
  };
  return {
    ...store,
    async put(...args) {
      step();
      await store.put(...args);
    },
    async remove(path) {
      step();
      await store.remove(path);
    },
  };
}
