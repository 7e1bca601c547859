import type { Database } from './client.ts';
import type { Prisma, WorkerProcess } from './generated/client.ts';

export type { WorkerProcess } from './generated/client.ts';

export type NewWorkerProcess = Omit<WorkerProcess, 'seenAt' | 'configuration'> & {
  /** Without secrets. */
  configuration: Prisma.InputJsonArray;
};

/** A worker that crashes at once and is started again has many rows within an hour. */
const MAX_LISTED = 100;

/** Records that the worker runs, and deletes those that have not been seen for an hour. */
export async function recordWorker(db: Database, { configuration, ...worker }: NewWorkerProcess): Promise<void> {
  const { id, host, pid, version, node, startedAt } = worker;
  await db.$executeRaw`
    INSERT INTO worker_processes (id, host, pid, version, node, started_at, configuration)
    VALUES (${id}::uuid, ${host}, ${pid}, ${version}, ${node}, ${startedAt}, ${JSON.stringify(configuration)}::json)
    ON CONFLICT (id) DO UPDATE SET seen_at = now()`;
  await db.$executeRaw`DELETE FROM worker_processes WHERE seen_at < now() - interval '1 hour'`;
}

/** Deletes the row of a worker that stops. */
export async function deleteWorker(db: Database, id: string): Promise<void> {
  await db.workerProcess.deleteMany({ where: { id } });
}

/** Returns the workers of the last hour, those that were started last first. */
export async function listWorkers(db: Database): Promise<WorkerProcess[]> {
  return db.workerProcess.findMany({ orderBy: [{ startedAt: 'desc' }, { id: 'asc' }], take: MAX_LISTED });
}
