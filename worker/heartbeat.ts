import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { DescribedVariable } from '#config/describe.ts';
import type { Database } from '#prisma/client.ts';
import { deleteWorker, recordWorker } from '#prisma/worker-processes.ts';
import packageJson from '../package.json' with { type: 'json' };

const INTERVAL_MS = 30_000;

/** Records every 30 seconds that this process runs, with its version and configuration: GET /settings shows them. */
export function startHeartbeat({
  db,
  log,
  configuration,
  intervalMs = INTERVAL_MS,
}: {
  db: Database;
  log: Logger;
  /** Without secrets. */
  configuration: DescribedVariable[];
  intervalMs?: number;
}): { close(): Promise<void> } {
  const id = randomUUID();
  const startedAt = new Date(Date.now() - process.uptime() * 1_000);
  const versions = { version: packageJson.version, node: process.versions.node };
  const worker = { id, host: hostname(), pid: process.pid, ...versions, startedAt, configuration };
  let failed = false;
  const beat = async () => {
    try {
      await recordWorker(db, worker);
      failed = false;
    } catch (err) {
      // One line per outage of the database.
      if (!failed) log.warn({ err }, 'cannot record that this worker runs; GET /settings shows an old time');
      failed = true;
    }
  };
  let running = beat();
  const timer = setInterval(() => {
    running = running.then(beat);
  }, intervalMs);
  return {
    async close() {
      clearInterval(timer);
      await running;
      if (failed) return;
      await deleteWorker(db, id).catch((err) => log.warn({ err }, 'cannot delete the row of this worker'));
    },
  };
}
