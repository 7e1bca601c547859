import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findAlert } from '#prisma/alerts.ts';
import { openArchiver } from '../archiver.ts';
import { openFolderArchive } from './archive-fixture.ts';
import { finishAlerts, openFixture } from './archived-alerts.ts';

it('archives only alerts that were not changed since they were found due', async () => {
  const fixture = await openFixture();
  const { db } = fixture;
  await finishAlerts(fixture);
  const archive = openFolderArchive();
  const archiver = openArchiver({ db, store: archive.store, url: archive.env.ARCHIVE_URL });
  const due = await db.alert.findMany({ select: { id: true, updatedAt: true } });
  await db.alert.update({ where: { id: due[0]?.id ?? 0n }, data: { updatedAt: new Date(0) } });
  const confirmed = await archiver.archive(due);
  expect(new Set(confirmed.map(({ id }) => id))).toEqual(new Set(due.slice(1).map(({ id }) => id)));
});

it('archives nothing while files cannot be written, and notices a lost end of the chain', async () => {
  const fixture = await openFixture();
  const { db } = fixture;
  const [first] = await finishAlerts(fixture);
  const { store, folder, env } = openFolderArchive();
  const archiver = openArchiver({ db, store, url: env.ARCHIVE_URL });
  const due = await db.alert.findMany({ select: { id: true, updatedAt: true } });
  // A file where a folder must be: root may write to everything.
  writeFileSync(join(folder, 'data'), '');
  await expect(archiver.archive(due)).rejects.toThrow(/EEXIST|ENOTDIR/);
  rmSync(join(folder, 'data'));
  expect(await archiver.archive(due.slice(0, 2))).toHaveLength(2);
  expect(await archiver.archive(due)).toHaveLength(4);
  expect(await findAlert(db, first ?? '')).not.toBeNull();

  mkdirSync(join(folder, 'lost'));
  renameSync(join(folder, 'manifests/00000002.json'), join(folder, 'lost/00000002.json'));
  const next = openArchiver({ db, store, url: env.ARCHIVE_URL });
  await expect(next.archive(due)).rejects.toThrow('manifests/00000002.json is missing');
});
