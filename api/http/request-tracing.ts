import { context, type Span } from '@opentelemetry/api';
import type { Request, RequestHandler, Response } from 'express';
import { startServerSpan } from '#observability/tracing.ts';

declare module 'express-serve-static-core' {
  interface Request {
    /** Undefined for paths that are not traced. */
    span?: Span;
  }
}

const UNTRACED_PATHS = new Set(['/livez', '/readyz', '/metrics']);

/** Starts the span of a request, within the trace of its `traceparent`. A no-op if tracing is off. */
export const requestTracing: RequestHandler = (req, _res, next) => {
  if (UNTRACED_PATHS.has(req.path)) return next();
  const { span, within } = startServerSpan(req.method, req.headers);
  req.span = span;
  context.with(within, next);
};

/** Ends the span of a request once its response is closed. */
export function endSpan(req: Request, res: Response): void {
  const route: unknown = req.route?.path;
  if (typeof route === 'string') req.span?.updateName(`${req.method} ${route}`).setAttribute('http.route', route);
  req.span?.setAttributes({ 'http.request.method': req.method, 'http.response.status_code': res.statusCode });
  req.span?.end();
}
