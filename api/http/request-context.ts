import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { traceId } from '#observability/tracing.ts';
import { Problem } from './problem.ts';

declare module 'express-serve-static-core' {
  interface Request {
    /** The client's X-Request-Id if it is well-formed, else a new UUID. */
    id: string;
    /** Adds the request's id to every line. */
    log: Logger;
  }
}

const WELL_FORMED_ID = /^[\w.-]{1,128}$/;

/** Gives the request an id, which the response repeats, and a logger that adds it to every line. */
export function requestContext(log: Logger): RequestHandler {
  return (req, res, next) => {
    const clientId = req.get('x-request-id');
    req.id = clientId !== undefined && WELL_FORMED_ID.test(clientId) ? clientId : randomUUID();
    req.log = log.child({ requestId: req.id, traceId: traceId() });
    res.set('X-Request-Id', req.id);
    // Express drops the fragment, a proxy may not: both must read the same target.
    if (req.originalUrl.includes('#')) throw new Problem('bad-request', 'A request target must not have a fragment.');
    if (req.get('host') === undefined && req.httpVersion !== '1.0') {
      throw new Problem('bad-request', 'The Host header is missing.');
    }
    next();
  };
}

/** Logs a response once it is closed. */
export function logResponse(req: Request, res: Response, ms: number): void {
  const path = req.originalUrl.split('?', 1)[0];
  const line = { method: req.method, path, status: res.statusCode, ms: Math.round(ms) };
  // The client is expected to close an event stream.
  const isStream = res.get('content-type')?.startsWith('text/event-stream');
  if (!res.writableFinished && !isStream) req.log.warn(line, 'client disconnected');
  else if (path === '/livez' || path === '/readyz') req.log.debug(line, 'response sent');
  else req.log.info(line, 'response sent');
}
