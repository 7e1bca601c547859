import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { traceId } from '#observability/tracing.ts';
import { Problem } from './problem.ts';

declare module 'express-serve-static-core' {
  interface Request {
    /** Ours, or the caller's own X-Request-Id where it is harmless. */
    id: string;
    /** Every line carries the request's id. */
    log: Logger;
  }
}

const HARMLESS_ID = /^[\w.-]{1,128}$/;

/** Gives the request an id and a logger that carries it, tells the id to the caller, and logs the answer once. */
export function requestContext(log: Logger): RequestHandler {
  return (req, res, next) => {
    const given = req.get('x-request-id');
    req.id = given !== undefined && HARMLESS_ID.test(given) ? given : randomUUID();
    req.log = log.child({ requestId: req.id, traceId: traceId() });
    res.set('X-Request-Id', req.id);
    const started = performance.now();
    res.once('close', () => {
      const line = {
        method: req.method,
        path: req.originalUrl.split('?', 1)[0],
        status: res.statusCode,
        ms: Math.round(performance.now() - started),
      };
      // The end of a stream of events: its reader is the one to close it.
      const streamed = res.get('content-type')?.startsWith('text/event-stream');
      if (!res.writableFinished && !streamed) req.log.warn(line, 'caller went away');
      else if (line.path === '/livez' || line.path === '/readyz') req.log.debug(line, 'answered');
      else req.log.info(line, 'answered');
    });
    // Express would cut it off, and whoever stands before this process might not: no two readings of one target.
    if (req.originalUrl.includes('#')) throw new Problem('bad-request', 'A request target has no fragment.');
    if (req.get('host') === undefined && req.httpVersion !== '1.0') {
      throw new Problem('bad-request', 'The Host header is missing.');
    }
    next();
  };
}
