// Deletes and archives alerts, and restores them, again and again until it is killed. Started by archive-kills.long.test.ts with
// the settings as JSON; it begins at the first message.

import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { readChain } from '#archive/chain.ts';
import { ArchiveDamaged } from '#archive/manifest.ts';
import { restoreFiles } from '#archive/restore.ts';
import { openConfiguredArchive } from '#archive/store.ts';
import type { ObjectStore } from '#media/objects.ts';
import { openDatabase } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { waitUntilReady } from '#prisma/readiness.ts';
import { createArchive } from '../archive.ts';
import { createRetentionMetrics } from '../metrics.ts';
import { startRetention } from '../start.ts';

type Settings = { databaseUrl: string; ARCHIVE_URL: string; SOURCES_FILE?: string; restores: boolean };

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { databaseUrl, ARCHIVE_URL, restores } = settings;
const archiveStore = openConfiguredArchive(settings, {});
if (!archiveStore) throw new Error('there is no archive');
/** Reports each change: the test kills at one of them. */
const store: ObjectStore = {
  ...archiveStore,
  put: (...args) => reported(() => archiveStore.put(...args)),
  remove: (...args) => reported(() => archiveStore.remove(...args)),
};
const db = openDatabase(databaseUrl, { poolSize: 4, onError: () => {} });
await waitUntilReady(db, () => {});
const metrics = createRetentionMetrics(new Registry());
process.send?.('ready');
await once(process, 'message');

startRetention({
  ...{ databaseUrl, db, store: undefined, metrics, defaultDays: 2, wholeDays: true, restoredDays: 0, intervalMs: 1 },
  log: pino({ level: 'warn' }),
  archive: createArchive(db, { store, url: ARCHIVE_URL }, metrics.archive),
});
while (restores) {
  try {
    const { files } = await readChain(store);
    await restoreFiles(db, store, [...files.values()]);
  } catch (error) {
    // The pruner has replaced a file in the meantime, or the machine is busy.
    const replaced = error instanceof ArchiveDamaged && error.message.endsWith('is missing');
    if (!replaced && !(error instanceof DatabaseUnavailable)) throw error;
  }
  await nextTurn();
}

function reported(change: () => Promise<void>): Promise<void> {
  process.send?.('change');
  return change();
}
