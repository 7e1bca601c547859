import type { Registry } from '@prometheus-io/client';
import { Router } from 'express';
import { requireScope } from '../auth/client.ts';
import { allow } from '../http/problem.ts';

/** GET /metrics: the metrics of this process in Prometheus' text format. */
export function metricsRoutes(registry: Registry): Router {
  const router = Router();
  router
    .route('/metrics')
    .get(requireScope('metrics'), async (_req, res) => {
      const text = await registry.metrics();
      res.set({ 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }).send(text);
    })
    .all(allow('GET'));
  return router;
}
