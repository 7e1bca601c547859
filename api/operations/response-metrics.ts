import type { Request, Response } from 'express';
import type { ResponseObserver } from '../http/response-observer.ts';
import type { ApiMetrics } from './metrics.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Statuses for an invalid alert, as opposed to an invalid key or an error of the api. */
const INVALID_ALERT = new Set([400, 403, 413, 415, 422]);

/** Returns an observer that measures each response and counts rejected alerts. */
export function responseMetrics({ requestDuration, received }: ApiMetrics): ResponseObserver {
  return (req, res, ms) => {
    const [route, method] = [routeOf(req), METHODS.has(req.method) ? req.method : 'other'];
    if (route === '/alerts' && method === 'POST' && INVALID_ALERT.has(res.statusCode)) {
      received.inc({ result: 'rejected' });
    }
    if (isHeldOpen(res)) return;
    requestDuration.observe({ route, method, status: `${res.statusCode}` }, ms / 1000);
  };
}

/** Returns the pattern of the route, not the path, so that the number of series is bounded. Bull Board is one route. */
function routeOf(req: Request): string {
  if (/^\/queues(\/|\?|$)/.test(req.originalUrl)) return '/queues';
  const path: unknown = req.route?.path;
  return typeof path === 'string' ? path : 'none';
}

/** Returns whether this is a long poll or an event stream, whose duration the client decides. */
function isHeldOpen(res: Response): boolean {
  return res.hasHeader('Preference-Applied') || String(res.get('content-type')).startsWith('text/event-stream');
}
