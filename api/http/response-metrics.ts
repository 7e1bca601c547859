import type { Request, RequestHandler, Response } from 'express';
import type { ApiMetrics } from '../operations/metrics.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Of an alert that was sent alone: what is wrong with it, not with the key or with us. */
const REFUSALS = new Set([400, 403, 413, 415, 422]);

/** Measures each request and counts the alerts that were refused. */
export function responseMetrics({ withQueueTimeout, received }: ApiMetrics): RequestHandler {
  return (req, res, next) => {
    const started = performance.now();
    res.once('close', () => {
      const [route, method] = [routeOf(req), METHODS.has(req.method) ? req.method : 'other'];
      if (route === '/alerts' && method === 'POST' && REFUSALS.has(res.statusCode)) received.inc({ result: 'refused' });
      if (isHeld(res)) return;
      withQueueTimeout.observe({ route, method, status: `${res.statusCode}` }, (performance.now() - started) / 1000);
    });
    next();
  };
}

/** The pattern that matched, never the path: the number of series stays that of the routes. Bull Board counts as one. */
function routeOf(req: Request): string {
  if (/^\/queues(\/|\?|$)/.test(req.originalUrl)) return '/queues';
  const path: unknown = req.route?.path;
  return typeof path === 'string' ? path : 'none';
}

function isHeld(res: Response): boolean {
  return res.hasHeader('Preference-Applied') || String(res.get('content-type')).startsWith('text/event-stream');
}
