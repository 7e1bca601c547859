import { context } from '@opentelemetry/api';
import type { RequestHandler } from 'express';
import { startServerSpan } from '#observability/tracing.ts';

const UNTRACED = new Set(['/livez', '/readyz', '/metrics']);

/** A span for each request, within the trace of its `traceparent`; a no-op while nothing is traced. */
export const requestTracing: RequestHandler = (req, res, next) => {
  if (UNTRACED.has(req.path)) return next();
  const { span, within } = startServerSpan(req.method, req.headers);
  res.once('close', () => {
    const route: unknown = req.route?.path;
    if (typeof route === 'string') span.updateName(`${req.method} ${route}`).setAttribute('http.route', route);
    span.setAttributes({ 'http.request.method': req.method, 'http.response.status_code': res.statusCode });
    span.end();
  });
  context.with(within, next);
};
