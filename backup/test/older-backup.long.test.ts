import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { migrate } from '#prisma/migrate.ts';
import { MIGRATIONS, migrationNames } from '#prisma/migration-files.ts';
import { backUp, openTestPlace, query, restoreInto, temporaryFolder, testDatabase } from './fixture.ts';

/** The version before pictures had losses. */
const LAST = '20261126233500_deleted_destinations';

it('applies the migrations that are newer than the backup', async () => {
  const folder = await temporaryFolder();
  const names = await migrationNames();
  const old = names.filter((name) => name <= LAST);
  for (const name of old) await cp(new URL(`./${name}/`, MIGRATIONS), join(folder, name), { recursive: true });
  const url = await testDatabase({ empty: true });
  await migrate(url, { folder: pathToFileURL(`${folder}/`) });
  await query(
    url,
    "INSERT INTO alerts (uuid, video, store, timestamp, request_id) VALUES (gen_random_uuid(), 'v', 's', 1, 'r')",
  );

  const place = openTestPlace(await temporaryFolder());
  await backUp(url, place);
  const target = await testDatabase({ empty: true });
  const { migrated } = await restoreInto(target, place, { recordFrom: 'a folder' });
  expect(await query(target, 'SELECT action FROM audit_log')).toEqual([{ action: 'backup.restored' }]);
  expect(migrated).toEqual(names.slice(old.length));
  expect(await query(target, 'SELECT uuid FROM alerts')).toEqual(await query(url, 'SELECT uuid FROM alerts'));
  expect(await query(target, 'SELECT count(*)::int AS n FROM _prisma_migrations')).toEqual([{ n: names.length }]);
});
