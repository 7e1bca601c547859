import { Router } from 'express';
import { allow, Problem } from '../http/problem.ts';

/** What may be asked of a part: undefined when it is well, else one sentence. */
export type Check = () => Promise<string | undefined>;

export type Readiness = {
  /** Without these an alert cannot be accepted: one at fault answers 503. */
  required: Record<string, Check>;
  /** Without these alerts are accepted and wait: one at fault is named, with 200. */
  deferrable: Record<string, Check>;
  /** True once the process has begun to stop. */
  stopping: () => boolean;
};

/** GET /livez: the process answers. GET /readyz: it can accept alerts, and what is at fault. */
export function healthRoutes(readiness: Readiness): Router {
  const router = Router();
  const look = oneAtATime(() => Promise.all([faultsOf(readiness.required), faultsOf(readiness.deferrable)]));
  router
    .route('/livez')
    .get((_req, res) => {
      res.set('Cache-Control', 'no-store').json({ status: 'alive' });
    })
    .all(allow('GET'));
  router
    .route('/readyz')
    .get(async (_req, res) => {
      res.set('Cache-Control', 'no-store');
      const [required, deferrable] = await look();
      const faults = { ...required, ...deferrable };
      const names = [...Object.keys(readiness.required), ...Object.keys(readiness.deferrable)];
      const checks = Object.fromEntries(names.map((name) => [name, faults[name] ?? 'ok']));
      if (readiness.stopping()) throw notReady('The process is stopping.', checks);
      const missing = Object.keys(required);
      if (missing.length > 0) throw notReady(`At fault: ${missing.join(', ')}.`, checks);
      res.json({ status: Object.keys(deferrable).length > 0 ? 'degraded' : 'ready', checks });
    })
    .all(allow('GET'));
  return router;
}

/** Who asks while one look goes on gets its answer: anyone may ask, as often as they like. */
function oneAtATime<T>(look: () => Promise<T>): () => Promise<T> {
  let looking: Promise<T> | undefined;
  return () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}

async function faultsOf(checks: Record<string, Check>): Promise<Record<string, string>> {
  const told = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await check()] as const));
  return Object.fromEntries(told.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

function notReady(detail: string, checks: Record<string, string>): Problem {
  return new Problem('unavailable', detail, { extra: { checks }, headers: { 'Retry-After': '1' } });
}
