import { lastBackupRuns } from '#prisma/backup-runs.ts';
import type { Database } from '#prisma/client.ts';
import { readWaiting, type SourceOf, type Waiting } from '../alerts/waiting.ts';
import { presentBackups } from '../operations/backup-routes.ts';
import type { CheckResults, Readiness } from '../operations/health.ts';
import type { Dependency } from './schema.ts';
import { unlessUnavailable } from './unless-unavailable.ts';

export type HealthDeps = {
  db: Database;
  readiness: Pick<Readiness, 'required' | 'deferrable'>;
  sourceNames: () => readonly string[];
  sourceOf: SourceOf;
};

/** Returns the state of each dependency. What only the database knows is missing while it is unavailable. */
export async function readHealth({ db, readiness, sourceNames, sourceOf }: HealthDeps): Promise<Dependency[]> {
  const [required, deferrable, runs, waiting] = await Promise.all([
    readiness.required(),
    readiness.deferrable(),
    unlessUnavailable(lastBackupRuns(db)),
    unlessUnavailable(readWaiting(db, sourceOf)),
  ]);
  return [
    ...checksOf(required, 'failed'),
    ...checksOf(deferrable, 'warning'),
    ...(waiting ? sourcesOf(waiting, sourceNames()) : []),
    ...(runs ? backupsOf(presentBackups(runs)) : []),
  ];
}

function checksOf(results: CheckResults, status: Dependency['status']): Dependency[] {
  return Object.entries(results).map(([name, error]) =>
    error === undefined ? { name, status: 'ok', detail: null } : { name, status, detail: error },
  );
}

/** The api never connects to a video server: an alert that waits for another attempt shows that the worker cannot read it. */
export function sourcesOf(waiting: Waiting, names: readonly string[]): Dependency[] {
  const bySource = new Map(waiting.map((each) => [each.source, each]));
  const all = new Set<string | null>([...(names.length === 0 ? [null] : ['default', ...names]), ...bySource.keys()]);
  return [...all].map((source) => {
    const name = source === null ? 'video_server' : `source ${source}`;
    const alerts = bySource.get(source);
    if (alerts === undefined) return { name, status: 'ok', detail: null };
    const { count, since, code } = alerts;
    const detail = `${count} ${count === 1 ? 'alert waits' : 'alerts wait'} for another attempt since ${since}, most because of ${code}`;
    return { name, status: 'warning', detail };
  });
}

/** Returns the age of the last backup and the last restore drill. */
export function backupsOf(runs: ReturnType<typeof presentBackups>, now = Date.now()): Dependency[] {
  const last = (name: keyof typeof runs, noun: string): Dependency => {
    const run = runs[name];
    if (run === null) return { name, status: 'warning', detail: `no ${noun} has succeeded yet` };
    const status = Date.parse(run.overdue_at) < now ? 'warning' : 'ok';
    const detail = `succeeded at ${run.succeeded_at}${status === 'ok' ? '' : `, the next one is overdue since ${run.overdue_at}`}`;
    return { name, status, detail };
  };
  return [last('backup', 'backup'), last('restore_drill', 'restore drill')];
}
