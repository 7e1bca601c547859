import { hostname } from 'node:os';
import { type RequestHandler, Router } from 'express';
import { singleFlight } from '#async/single-flight.ts';
import type { DescribedVariable } from '#config/describe.ts';
import { readMigrations, readPostgresVersion } from '#prisma/installation.ts';
import { listWorkers, type WorkerProcess } from '#prisma/worker-processes.ts';
import type { AlertQueue } from '#redis/queue.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { requireManage } from '../auth/client.ts';
import { allow } from '../http/problem.ts';
import { type HealthDeps, readHealth } from './health.ts';
import { type SettingsJson, workerVariables } from './schema.ts';
import { unlessUnavailable } from './unless-unavailable.ts';

type Deps = HealthDeps & {
  queue: Pick<AlertQueue, 'redisVersion'>;
  configuration: readonly DescribedVariable[];
};

/** GET /settings. */
export function settingsRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/settings').get(requireManage, getSettings(deps)).all(allow('GET'));
  return router;
}

function getSettings(deps: Deps): RequestHandler {
  const startedAt = new Date(Date.now() - process.uptime() * 1_000).toISOString();
  const own = { component: 'api', host: hostname(), pid: process.pid, started_at: startedAt } as const;
  const read = singleFlight(() => readSettings(deps, own));
  return async (_req, res) => {
    res.set('Cache-Control', 'private, no-cache').json(await read());
  };
}

async function readSettings(deps: Deps, own: SettingsJson['process']): Promise<SettingsJson> {
  const { db, queue, configuration } = deps;
  const [health, migrations, postgresql, redis, workers] = await Promise.all([
    readHealth(deps),
    unlessUnavailable(readMigrations(db)),
    unlessUnavailable(readPostgresVersion(db)),
    unlessUnavailable(queue.redisVersion()),
    unlessUnavailable(listWorkers(db)),
  ]);
  return {
    process: own,
    configuration: [...configuration],
    versions: { project: packageJson.version, node: process.versions.node, postgresql, redis: redis ?? null },
    migrations: migrations && {
      ...migrations,
      applied: migrations.applied.map(({ name, appliedAt }) => ({ name, applied_at: appliedAt.toISOString() })),
    },
    health,
    workers: workers?.map(presentWorker) ?? null,
  };
}

function presentWorker({ id: _id, startedAt, seenAt, configuration, ...worker }: WorkerProcess) {
  // Another version may describe variables differently.
  const variables = workerVariables.catch([]).parse(configuration);
  return { ...worker, started_at: startedAt.toISOString(), seen_at: seenAt.toISOString(), configuration: variables };
}
