import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { waitAtMost } from '#async/timeout.ts';
import type { DescribedVariable } from '#config/describe.ts';
import type { Database } from '#prisma/client.ts';
import { deleteWorker, recordWorker } from '#prisma/worker-processes.ts';
import packageJson from '../package.json' with { type: 'json' };

const INTERVAL_MS = 30_000;
/** A database that does not respond must not use up the time that attempts in progress have. */
const CLOSE_MS = 2_000;

/** Records every 30 seconds that this process runs, with its version and configuration: GET /settings shows them. */
export function startHeartbeat({
  db,
  log,
  configuration,
  intervalMs = INTERVAL_MS,
  closeMs = CLOSE_MS,
}: {
  db: Database;
  log: Logger;
  /** Without secrets. */
  configuration: DescribedVariable[];
  intervalMs?: number;
  closeMs?: number;
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
  const forget = async () => {
    if (failed) return;
    await deleteWorker(db, id).catch((err) => log.warn({ err }, 'cannot delete the row of this worker'));
  };
  let running = beat();
  const timer = setInterval(() => {
    running = running.then(beat);
  }, intervalMs);
  return {
    async close() {
      clearInterval(timer);
      await waitAtMost(running.then(forget), closeMs);
    },
  };
}
