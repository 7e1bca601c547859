import { Router } from 'express';
import { singleFlight } from '#async/single-flight.ts';
import { allow, Problem } from '../http/problem.ts';

/** For each component `undefined` if it works, else one sentence. */
export type CheckResults = Record<string, string | undefined>;

export type Readiness = {
  /** Checks the components without which no alert can be accepted. If one fails, /readyz responds with 503. */
  required: () => Promise<CheckResults>;
  /** Checks the components without which alerts are accepted and wait. If one fails, /readyz responds with 200. */
  deferrable: () => Promise<CheckResults>;
  /** Returns true once the shutdown has begun. */
  stopping: () => boolean;
};

/** GET /livez: the process responds. GET /readyz: it can accept alerts; the response names what does not work. */
export function healthRoutes(readiness: Readiness): Router {
  const router = Router();
  // One check serves all requests that arrive while it runs: anyone may send any number of them.
  const check = singleFlight(() => Promise.all([readiness.required(), readiness.deferrable()]));
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
      const [required, deferrable] = await check();
      const results = Object.entries({ ...required, ...deferrable });
      const checks = Object.fromEntries(results.map(([name, error]) => [name, error ?? 'ok']));
      if (readiness.stopping()) throw notReady('The process is stopping.', checks);
      const missing = failedOf(required);
      if (missing.length > 0) throw notReady(`Failed checks: ${missing.join(', ')}.`, checks);
      res.json({ status: failedOf(deferrable).length > 0 ? 'degraded' : 'ready', checks });
    })
    .all(allow('GET'));
  return router;
}

function failedOf(results: CheckResults): string[] {
  return Object.keys(results).filter((name) => results[name] !== undefined);
}

function notReady(detail: string, checks: Record<string, string>): Problem {
  return new Problem('unavailable', detail, { extra: { checks }, headers: { 'Retry-After': '1' } });
}
